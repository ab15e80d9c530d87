package io.scopedasync.demo;

import io.scopedasync.annotation.ScopedAsync;
import reactor.core.publisher.Mono;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.stereotype.Service;
import org.springframework.web.reactive.function.client.WebClient;

/**
 * Quotes from the upstream: ten at once, the rest wait in line, each in a session that is
 * logged in.
 */
@Service
class QuoteService {

	private final WebClient quotes;

	QuoteService(@Qualifier("quotes") WebClient quotes) {
		this.quotes = quotes;
	}

	@ScopedAsync({ "quotes-limit", "quotes" })
	Mono<Quote> quote(String symbol) {
		return this.quotes.get().uri("/quotes/{symbol}", symbol).retrieve().bodyToMono(Quote.class);
	}

}
