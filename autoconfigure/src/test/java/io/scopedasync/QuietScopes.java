package io.scopedasync;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.slf4j.LoggerFactory;

/**
 * For tests in which what scopes log is expected, and would be too much.
 */
final class QuietScopes implements BeforeAllCallback, AfterAllCallback {

	@Override
	public void beforeAll(ExtensionContext context) {
		level(Level.OFF);
	}

	@Override
	public void afterAll(ExtensionContext context) {
		level(null);
	}

	private static void level(@Nullable Level level) {
		((Logger) LoggerFactory.getLogger(Scope.class)).setLevel(level);
	}

}
