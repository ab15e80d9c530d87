package io.scopedasync.actuate;

import java.security.Principal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Future;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.actuate.endpoint.InvalidEndpointRequestException;
import org.springframework.boot.actuate.endpoint.SecurityContext;
import org.springframework.boot.actuate.endpoint.Show;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import io.scopedasync.actuate.ScopesDescriptor.ScopeEntry;
import io.scopedasync.leak.Leaks;
import io.scopedasync.limiter.KeyedLimiter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link ScopesEndpoint}, without a web.
 */
class ScopesEndpointTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final AsyncScopes scopes = AsyncScopes.builder()
		.tracked(true)
		.callSites((name) -> name.equals("sampled"))
		.shutdownTimeout(Duration.ZERO)
		.build();

	/** A scope that nobody refers to any more is lost, and not open. */
	private final List<Scope> opened = new ArrayList<>();

	private final ScopesEndpoint endpoint = new ScopesEndpoint(this.scopes, new Leaks(List.of()), null, List.of(),
			List.of(), Show.NEVER);

	@AfterEach
	void close() {
		this.scopes.close().block(LIMIT);
	}

	@Test
	void listsScopesRightBeforeThoseInsideThemOldestFirst() {
		Scope first = open("first");
		open("second");
		Scope inner = child(first, "1");
		child(first, "2");
		child(inner, "1.1");
		List<ScopeEntry> list = list(null);
		assertThat(list).extracting(ScopeEntry::name).containsExactly("first", "1", "1.1", "2", "second");
		assertThat(list).extracting(ScopeEntry::depth).containsExactly(0, 1, 2, 1, 0);
		assertThat(list.get(2).parent()).isEqualTo(inner.id());
	}

	@Test
	void keepsTheDepthOfWhatIsFilteredOut() {
		child(open("outer"), "inner");
		ScopeEntry inner = this.endpoint.scopes("INN", null, null, null).scopes().list().get(0);
		assertThat(inner.depth()).isOne();
		assertThat(inner.parent()).isNotNull();
	}

	@Test
	void answersTenThousandScopes() {
		for (int i = 0; i < 10_000; i++) {
			open("import");
		}
		ScopesDescriptor all = this.endpoint.scopes(null, null, null, null);
		assertThat(all.scopes().count()).isEqualTo(10_000);
		assertThat(all.scopes().list()).hasSize(ScopeFilter.DEFAULT_LIMIT);
		assertThat(list("10000")).hasSize(10_000).extracting(ScopeEntry::id).doesNotHaveDuplicates();
	}

	@Test
	void answersScopesTwoThousandDeep() {
		List<Scope> chain = new ArrayList<>(List.of(open("0")));
		for (int i = 1; i < 2000; i++) {
			chain.add(chain.get(i - 1).child(String.valueOf(i)));
		}
		List<ScopeEntry> list = list("2000");
		assertThat(list).extracting(ScopeEntry::id).containsExactlyElementsOf(chain.stream().map(Scope::id).toList());
		assertThat(list.get(1999).depth()).isEqualTo(1999);
		ScopeEntry last = Objects.requireNonNull(this.endpoint.scope(String.valueOf(chain.get(1999).id())));
		assertThat(last.depth()).isEqualTo(1999);
		for (int i = 1999; i >= 0; i--) {
			chain.get(i).close().block(LIMIT);
		}
	}

	@Test
	void showsWhereASampledScopeWasOpened() {
		open("sampled");
		open("other");
		List<ScopeEntry> list = list(null);
		assertThat(list.get(0).callSite()).isNotNull()
			.anySatisfy((frame) -> assertThat(frame).contains("showsWhereASampledScopeWasOpened"));
		assertThat(list.get(1).callSite()).isNull();
	}

	@Test
	void showsAnAcquisitionThatNobodyQueuesForAsAcquiring() {
		Sinks.One<String> connected = Sinks.one();
		AsyncResource<String> connection = AsyncResource.of(connected::asMono, (value, exit) -> Mono.empty());
		Future<String> body = this.scopes.use(connection, Mono::just).toFuture();
		assertThat(list(null)).extracting(ScopeEntry::phase).containsExactly("acquiring");
		connected.tryEmitValue("connected");
		assertThat(body).succeedsWithin(LIMIT).isEqualTo("connected");
	}

	@Test
	void showsWhatTheApplicationHoldsAndDoesNotCancelIt() {
		assertThat(list(null)).isEmpty();
		this.scopes.application().enter(AsyncResource.just("broker").named("broker")).block(LIMIT);
		open("import");
		assertThat(list(null)).extracting(ScopeEntry::name).containsExactly("application", "import");
		ScopeEntry application = list(null).get(0);
		assertThat(application.resources()).containsExactly("broker");
		assertThat(application.state()).isEqualTo("RUNNING");
		assertThat(this.endpoint.cancel(String.valueOf(application.id()))).isFalse();
		this.scopes.application().close().block(LIMIT);
		assertThat(list(null)).extracting(ScopeEntry::name).containsExactly("import");
	}

	@Test
	void refusesWhatItCanNotReadOutsideTheWebToo() {
		assertThatExceptionOfType(InvalidEndpointRequestException.class)
			.isThrownBy(() -> this.endpoint.scopes(null, "x".repeat(1000), null, null))
			.withMessageStartingWith("state is 'xxx")
			.satisfies((ex) -> assertThat(ex.getReason()).hasSizeLessThan(200));
		assertThatExceptionOfType(InvalidEndpointRequestException.class).isThrownBy(() -> this.endpoint.cancel("x"));
		assertThat(this.endpoint.cancel("1")).isFalse();
	}

	@Test
	void showsValuesToWhomItKnowsAndWhoHasTheRole() {
		Scope scope = open("import");
		scope.enter(KeyedLimiter.builder("tenant-limit").permits(1).build().forKey("tenant-a")).block(LIMIT);
		assertThat(keyFor(Set.of(), SecurityContext.NONE)).isEqualTo("******");
		assertThat(keyFor(Set.of(), user("dev"))).isEqualTo("tenant-a");
		assertThat(keyFor(Set.of("ops"), user("dev"))).isEqualTo("******");
		assertThat(keyFor(Set.of("ops"), user("ops"))).isEqualTo("tenant-a");
	}

	private String keyFor(Set<String> roles, SecurityContext user) {
		ScopesEndpointWebExtension extension = new ScopesEndpointWebExtension(this.endpoint, Show.WHEN_AUTHORIZED,
				roles);
		ScopesDescriptor answer = (ScopesDescriptor) extension.scopes(user, null, null, null, null).getBody();
		return answer.scopes().list().get(0).keys().get("tenant-limit");
	}

	private static SecurityContext user(String role) {
		return new SecurityContext() {

			@Override
			public Principal getPrincipal() {
				return () -> "somebody";
			}

			@Override
			public boolean isUserInRole(String asked) {
				return asked.equals(role);
			}

		};
	}

	private Scope open(String name) {
		Scope scope = this.scopes.open(name);
		this.opened.add(scope);
		return scope;
	}

	private Scope child(Scope parent, String name) {
		Scope child = parent.child(name);
		this.opened.add(child);
		return child;
	}

	private List<ScopeEntry> list(String limit) {
		return this.endpoint.scopes(null, null, null, limit).scopes().list();
	}

}
