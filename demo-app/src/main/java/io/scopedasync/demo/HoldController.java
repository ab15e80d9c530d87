package io.scopedasync.demo;

import java.time.Duration;

import io.scopedasync.AsyncScopes;
import io.scopedasync.ScopeSpec;
import io.scopedasync.limiter.Limiter;
import reactor.core.publisher.Mono;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/**
 * How not to do it: keeps a permit for longer than leak detection lets pass without a
 * word.
 */
@RestController
class HoldController {

	private final AsyncScopes scopes;

	private final ScopeSpec tooLong;

	HoldController(AsyncScopes scopes, @Qualifier("quotes-limit") Limiter limiter) {
		this.scopes = scopes;
		this.tooLong = ScopeSpec.of("held-too-long").entering(limiter);
	}

	@PostMapping("/hold")
	Mono<String> hold(@RequestParam(defaultValue = "5000") long millis) {
		return this.scopes.with(this.tooLong, (scope) -> Mono.delay(Duration.ofMillis(millis)))
			.thenReturn("held for " + millis + " ms");
	}

}
