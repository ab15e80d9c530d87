package io.scopedasync.webclient;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import io.scopedasync.AsyncScopes;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Hooks;
import reactor.core.publisher.Sinks;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What nobody is left to hear makes no noise.
 */
class SessionCancelTests {

	private static final Duration BOUND = Duration.ofSeconds(30);

	private final Sinks.One<String> answer = Sinks.one();

	private final HttpUpstream upstream = new HttpUpstream(
			(routes) -> routes.get("/text", (request, response) -> response.sendString(this.answer.asMono())));

	private final AsyncScopes scopes = AsyncScopes.create();

	private final List<Throwable> dropped = new CopyOnWriteArrayList<>();

	@AfterEach
	void close() {
		Hooks.resetOnErrorDropped();
		this.upstream.close();
	}

	@Test
	void aCancelBetweenAnswerAndBodyDropsNoError() {
		Hooks.onErrorDropped(this.dropped::add);
		SessionResource session = this.upstream.session("quotes").size(1, 1).build();
		// Else it is made on another thread, which begins the body then.
		session.warmUp().block(BOUND);
		BaseSubscriber<String> caller = new BaseSubscriber<>() {
		};
		this.scopes.use(session, (own) -> own.client().get().uri("/text").exchangeToMono((response) -> {
			caller.cancel();
			return response.bodyToMono(String.class);
		})).subscribe(caller);
		// Not while this thread still begins the body: then it would be the one that
		// cancels, while another one reads.
		this.answer.tryEmitValue("text");
		this.scopes.close().block(BOUND);
		session.close().block(BOUND);
		assertThat(caller.isDisposed()).isTrue();
		assertThat(this.dropped).isEmpty();
	}

}
