package io.scopedasync.actuate;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Future;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.actuate.endpoint.InvalidEndpointRequestException;
import org.springframework.boot.actuate.endpoint.Show;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import io.scopedasync.actuate.ScopesDescriptor.ScopeEntry;
import io.scopedasync.leak.Leaks;

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

	private final ScopesEndpoint endpoint = new ScopesEndpoint(this.scopes, new Leaks(List.of()), null, List.of(),
			List.of(), Show.NEVER);

	@AfterEach
	void close() {
		this.scopes.close().block(LIMIT);
	}

	@Test
	void listsScopesRightBeforeThoseInsideThemOldestFirst() {
		Scope first = this.scopes.open("first");
		this.scopes.open("second");
		Scope inner = first.child("1");
		first.child("2");
		inner.child("1.1");
		List<ScopeEntry> list = list(null);
		assertThat(list).extracting(ScopeEntry::name).containsExactly("first", "1", "1.1", "2", "second");
		assertThat(list).extracting(ScopeEntry::depth).containsExactly(0, 1, 2, 1, 0);
		assertThat(list.get(2).parent()).isEqualTo(inner.id());
	}

	@Test
	void keepsTheDepthOfWhatIsFilteredOut() {
		this.scopes.open("outer").child("inner");
		ScopeEntry inner = this.endpoint.scopes("INN", null, null, null).scopes().list().get(0);
		assertThat(inner.depth()).isOne();
		assertThat(inner.parent()).isNotNull();
	}

	@Test
	void answersTenThousandScopes() {
		for (int i = 0; i < 10_000; i++) {
			this.scopes.open("import");
		}
		ScopesDescriptor all = this.endpoint.scopes(null, null, null, null);
		assertThat(all.scopes().count()).isEqualTo(10_000);
		assertThat(all.scopes().list()).hasSize(ScopeFilter.DEFAULT_LIMIT);
		assertThat(list("10000")).hasSize(10_000).extracting(ScopeEntry::id).doesNotHaveDuplicates();
	}

	@Test
	void answersScopesTwoThousandDeep() {
		List<Scope> chain = new ArrayList<>(List.of(this.scopes.open("0")));
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
		this.scopes.open("sampled");
		this.scopes.open("other");
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
	void refusesWhatItCanNotReadOutsideTheWebToo() {
		assertThatExceptionOfType(InvalidEndpointRequestException.class)
			.isThrownBy(() -> this.endpoint.scopes(null, "x".repeat(1000), null, null))
			.withMessageStartingWith("state is 'xxx")
			.satisfies((ex) -> assertThat(ex.getReason()).hasSizeLessThan(200));
		assertThatExceptionOfType(InvalidEndpointRequestException.class).isThrownBy(() -> this.endpoint.cancel("x"));
		assertThat(this.endpoint.cancel("1")).isFalse();
	}

	private List<ScopeEntry> list(String limit) {
		return this.endpoint.scopes(null, null, null, limit).scopes().list();
	}

}
