package io.scopedasync.demo;

import io.scopedasync.webclient.SessionLogin;
import reactor.core.publisher.Mono;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.stereotype.Component;
import org.springframework.web.reactive.function.client.WebClient;

/**
 * Logs each session of the pool in once, and out again when it is discarded. The cookie
 * stays in the session.
 */
@Component
@Qualifier("quotes")
class QuoteLogin implements SessionLogin {

	@Override
	public Mono<Void> login(WebClient client) {
		return client.post().uri("/login").retrieve().toBodilessEntity().then();
	}

	@Override
	public Mono<Void> logout(WebClient client) {
		return client.post().uri("/logout").retrieve().toBodilessEntity().then();
	}

}
