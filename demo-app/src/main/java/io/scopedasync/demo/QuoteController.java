package io.scopedasync.demo;

import java.util.List;

import io.scopedasync.AcquireRejectedException;
import io.scopedasync.AcquireTimeoutException;
import io.scopedasync.ScopeClosedException;
import io.scopedasync.ScopedAsyncException;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.http.HttpStatus;
import org.springframework.http.ProblemDetail;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/**
 * Answers with as many quotes as were asked for, in that order, or with none. A client
 * that goes away cancels all of them.
 */
@RestController
class QuoteController {

	private final QuoteService quotes;

	QuoteController(QuoteService quotes) {
		this.quotes = quotes;
	}

	@GetMapping("/quotes")
	Mono<List<Quote>> quotes(@RequestParam List<String> symbols) {
		return Flux.fromIterable(symbols).flatMapSequential(this.quotes::quote).collectList();
	}

	@ExceptionHandler({ AcquireRejectedException.class, AcquireTimeoutException.class, ScopeClosedException.class })
	ProblemDetail unavailable(ScopedAsyncException ex) {
		return ProblemDetail.forStatusAndDetail(HttpStatus.SERVICE_UNAVAILABLE, ex.getMessage());
	}

}
