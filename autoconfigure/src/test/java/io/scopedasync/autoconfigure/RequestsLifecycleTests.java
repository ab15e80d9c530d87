package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.mock.http.server.reactive.MockServerHttpRequest;
import org.springframework.mock.web.server.MockServerWebExchange;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

import io.scopedasync.web.RequestsUnderWay;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link RequestsLifecycle}.
 */
@ExtendWith(OutputCaptureExtension.class)
class RequestsLifecycleTests {

	private static final Duration LIMIT = Duration.ofSeconds(60);

	private final RequestsUnderWay requests = new RequestsUnderWay();

	private final CountDownLatch stopped = new CountDownLatch(1);

	private final MockServerWebExchange exchange = MockServerWebExchange.from(MockServerHttpRequest.get("/"));

	private Disposable serve(Mono<Void> answer) {
		return this.requests.filter(this.exchange, (ignored) -> answer).subscribe();
	}

	private void stop(Duration limit) {
		RequestsLifecycle lifecycle = new RequestsLifecycle(() -> true, this.requests, limit);
		lifecycle.start();
		lifecycle.stop(this.stopped::countDown);
	}

	@Test
	void waitsForRequestsThatAreServedStill() throws Exception {
		Sinks.Empty<Void> answer = Sinks.empty();
		serve(answer.asMono());
		stop(LIMIT);
		assertThat(this.stopped.await(300, TimeUnit.MILLISECONDS)).isFalse();
		answer.tryEmitEmpty();
		assertThat(this.stopped.await(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
		assertThat(this.requests.count()).isZero();
	}

	@Test
	void aRequestWhoseClientHasGoneIsServedNoMore() throws Exception {
		Disposable request = serve(Mono.never());
		assertThat(this.requests.count()).isOne();
		request.dispose();
		stop(LIMIT);
		assertThat(this.stopped.await(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
	}

	@Test
	void aRequestThatComesNowIsTheLastOfItsConnection() {
		serve(Mono.empty());
		assertThat(this.exchange.getResponse().getHeaders().getConnection()).isEmpty();
		stop(LIMIT);
		serve(Mono.empty());
		assertThat(this.exchange.getResponse().getHeaders().getConnection()).containsExactly("close");
	}

	@Test
	void givesUpAfterItsLimitAndSaysSo(CapturedOutput output) throws Exception {
		serve(Mono.never());
		stop(Duration.ofMillis(200));
		assertThat(this.stopped.await(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
		assertThat(output).contains("still serves 1 request");
	}

	@Test
	void anApplicationThatIsOnlyStoppedDoesNotWait() throws Exception {
		serve(Mono.never());
		RequestsLifecycle lifecycle = new RequestsLifecycle(() -> false, this.requests, LIMIT);
		lifecycle.start();
		lifecycle.stop(this.stopped::countDown);
		assertThat(this.stopped.getCount()).isZero();
	}

	@Test
	void stopsAfterTheWebServerAndBeforeServersAndScopes() {
		assertThat(RequestsLifecycle.PHASE).isLessThan(WebServerApplicationContext.START_STOP_LIFECYCLE_PHASE)
			.isGreaterThan(ServersLifecycle.PHASE)
			.isGreaterThan(ScopesLifecycle.PHASE);
	}

}
