package io.scopedasync.demo;

import java.util.Map;

import io.scopedasync.AsyncScopes;
import io.scopedasync.limiter.Limiter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.beans.factory.DisposableBean;
import org.springframework.stereotype.Component;

/**
 * Says, when everything has stopped, whether anything was left open. The exit code stays
 * what the way of stopping makes it.
 */
@Component
class ClosingNote implements DisposableBean {

	private static final Logger logger = LoggerFactory.getLogger(ClosingNote.class);

	private final AsyncScopes scopes;

	private final Map<String, Limiter> limiters;

	ClosingNote(AsyncScopes scopes, Map<String, Limiter> limiters) {
		this.scopes = scopes;
		this.limiters = limiters;
	}

	@Override
	public void destroy() {
		int open = this.scopes.openScopes().size();
		int borrowed = this.limiters.values().stream().mapToInt((limiter) -> limiter.statistics().borrowed()).sum();
		if (open + borrowed == 0) {
			logger.info("Clean shutdown: open scopes = 0, permits borrowed = 0. "
					+ "Exit code: 130 after Ctrl-C, 143 after SIGTERM, else 0");
		}
		else {
			logger.error("Unclean shutdown: open scopes = {}, permits borrowed = {}: {}", open, borrowed,
					this.scopes.openScopes());
		}
	}

}
