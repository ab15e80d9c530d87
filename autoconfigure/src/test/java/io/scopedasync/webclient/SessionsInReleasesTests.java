package io.scopedasync.webclient;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.DeadlineExceededException;
import io.scopedasync.ScopeSpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.publisher.Mono;

import org.springframework.web.reactive.function.client.WebClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * A release that sends requests, after the limit of its scope or a cancel.
 */
@Timeout(60)
class SessionsInReleasesTests {

	private static final Duration BOUND = Duration.ofSeconds(30);

	private static final Duration RELEASE = Duration.ofSeconds(20);

	private final AsyncScopes scopes = AsyncScopes.builder().releaseTimeout(RELEASE).build();

	private final List<String> told = new CopyOnWriteArrayList<>();

	private final List<String> logouts = new CopyOnWriteArrayList<>();

	private final HttpUpstream upstream = new HttpUpstream((routes) -> routes.get("/return", (request, response) -> {
		this.told.add(String.valueOf(request.requestHeaders().get("X-Deadline-Ms")));
		return response.sendString(Mono.delay(Duration.ofMillis(300)).map((tick) -> "returned"));
	}).get("/login", (request, response) -> response.send()).get("/logout", (request, response) -> {
		this.logouts.add("out");
		return Mono.delay(Duration.ofMillis(300)).then(response.send().then());
	}));

	private final SessionResource session = this.upstream.session("quotes").deadlineHeader("X-Deadline-Ms").build();

	@AfterEach
	void close() {
		this.session.close().block(BOUND);
		this.upstream.close();
	}

	private Mono<String> giveBack() {
		return this.scopes.use(this.session,
				(session) -> session.client().get().uri("/return").retrieve().bodyToMono(String.class));
	}

	private void assertToldTheRestOfTheReleaseLimit() {
		assertThat(this.told).hasSize(1);
		assertThat(Duration.ofMillis(Long.parseLong(this.told.get(0)))).isBetween(Duration.ofSeconds(5), RELEASE);
	}

	@Test
	void hasTheRestOfTheReleaseLimitAfterALimit() {
		CompletableFuture<String> answer = new CompletableFuture<>();
		AsyncResource<String> lease = AsyncResource.of(() -> Mono.just("lease"),
				(value, exit) -> giveBack().doOnNext(answer::complete).then());
		assertThatThrownBy(() -> this.scopes
			.with(ScopeSpec.of("call").entering(lease).timeout(Duration.ofMillis(100)), (scope) -> Mono.never())
			.block(BOUND)).isInstanceOf(DeadlineExceededException.class);
		assertThat(answer).isCompletedWithValue("returned");
		assertToldTheRestOfTheReleaseLimit();
	}

	@Test
	void hasTheSessionThatIsStillHeld() {
		CompletableFuture<String> answer = new CompletableFuture<>();
		AsyncResource<String> lease = AsyncResource.of(() -> Mono.just("lease"),
				(value, exit) -> this.session.client()
					.get()
					.uri("/return")
					.retrieve()
					.bodyToMono(String.class)
					.doOnNext(answer::complete)
					.then());
		assertThatThrownBy(() -> this.scopes
			.with(ScopeSpec.of("call").entering(this.session, lease).timeout(Duration.ofMillis(200)),
					(scope) -> Mono.never())
			.block(BOUND)).isInstanceOf(DeadlineExceededException.class);
		assertThat(answer).isCompletedWithValue("returned");
		assertToldTheRestOfTheReleaseLimit();
	}

	@Test
	void hasTheRestOfTheReleaseLimitAfterACancel() {
		CompletableFuture<String> answer = new CompletableFuture<>();
		AsyncResource<String> lease = AsyncResource.of(() -> Mono.just("lease"),
				(value, exit) -> giveBack().doOnNext(answer::complete).then());
		this.scopes.use(lease, (value) -> Mono.never()).subscribe().dispose();
		assertThat(answer).succeedsWithin(BOUND).isEqualTo("returned");
		assertToldTheRestOfTheReleaseLimit();
	}

	@Test
	void aSessionThatIsBrokenLogsOutAfterALimit() {
		SessionResource own = this.upstream.session("orders").login(new SessionLogin() {

			@Override
			public Mono<Void> login(WebClient client) {
				return client.get().uri("/login").retrieve().toBodilessEntity().then();
			}

			@Override
			public Mono<Void> logout(WebClient client) {
				return client.get().uri("/logout").retrieve().toBodilessEntity().then(Mono.fromRunnable(() -> {
					SessionsInReleasesTests.this.logouts.add("answered");
				}));
			}

		}).build();
		assertThatThrownBy(
				() -> this.scopes.with(ScopeSpec.of("call").entering(own).timeout(Duration.ofMillis(500)), (scope) -> {
					scope.find(own).invalidate();
					return Mono.never();
				}).block(BOUND))
			.isInstanceOf(DeadlineExceededException.class);
		assertThat(this.logouts).containsExactly("out", "answered");
		own.close().block(BOUND);
	}

}
