package io.scopedasync.test;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

import io.scopedasync.CallSite;
import io.scopedasync.Scope;
import io.scopedasync.leak.Leak;
import io.scopedasync.leak.LeakReason;

/**
 * Something that is there after a test and was not before: a scope that is open, or
 * reported leaks.
 *
 * @param expectable what an expectation is to say to cover it
 * @param text for people, in several lines
 * @param callSite where the scope was opened, null if that is not known
 * @param open the scope, null for what was reported
 */
record Finding(Expectable expectable, String text, @Nullable CallSite callSite, @Nullable Scope open) {

	private static final int FRAMES = 6;

	/** Frames of these say nothing of the test. */
	private static final List<String> FOREIGN = List.of("java.", "jdk.", "sun.", "reactor.", "io.netty.", "org.junit.",
			"org.springframework.", "org.apache.maven.");

	private static final Set<String> OWN = Set.of("io.scopedasync", "io.scopedasync.interceptor",
			"io.scopedasync.limiter", "io.scopedasync.webclient");

	/** A scope that is open. */
	static Finding open(Scope scope) {
		// What it looks like does not depend on the reason.
		Leak leak = Leak.of(LeakReason.AT_CLOSE, scope);
		return new Finding(Expectable.open(scope.name()), text(leak), leak.callSite(), scope);
	}

	/** A leak that was reported. */
	static Finding reported(Leak leak) {
		return new Finding(Expectable.reported(leak.reason()), leak.reason() + ": " + text(leak), leak.callSite(),
				null);
	}

	/** Leaks of which no more is known. */
	static Finding reported(LeakReason reason, long count) {
		return new Finding(Expectable.reported(reason), reason + ": " + count + " more, see the log", null, null);
	}

	static String text(Leak leak) {
		return leak + ((leak.callSite() != null) ? frames(leak.callSite()) : "");
	}

	private static String frames(CallSite callSite) {
		List<StackTraceElement> all = Arrays.asList(callSite.getStackTrace());
		List<StackTraceElement> telling = all.stream().filter(Finding::isTelling).toList();
		return (telling.isEmpty() ? all : telling).stream()
			.limit(FRAMES)
			.map((frame) -> "\n        at " + frame)
			.collect(Collectors.joining());
	}

	private static boolean isTelling(StackTraceElement frame) {
		String type = frame.getClassName();
		return FOREIGN.stream().noneMatch(type::startsWith) && !type.contains("$$")
				&& !OWN.contains(type.substring(0, Math.max(0, type.lastIndexOf('.'))));
	}

	/**
	 * What can be expected.
	 *
	 * @param what the reason, or the name of the scope
	 * @param isOpen whether it is a scope that is open
	 */
	record Expectable(String what, boolean isOpen) {

		static Expectable open(String scope) {
			return new Expectable(scope, true);
		}

		static Expectable reported(LeakReason reason) {
			return new Expectable(reason.tag(), false);
		}

		@Override
		public String toString() {
			return this.isOpen ? "an open scope '" + this.what + "'" : "a leak reported as " + this.what;
		}

	}

}
