package io.scopedasync.interceptor;

import java.util.Enumeration;
import java.util.Iterator;
import java.util.Set;
import java.util.Spliterator;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Future;
import java.util.stream.BaseStream;

import org.jspecify.annotations.Nullable;

import org.springframework.core.ReactiveAdapterRegistry;
import org.springframework.core.ResolvableType;
import org.springframework.util.ClassUtils;

/**
 * Finds the part of a result that is consumed when the scope has ended already and its
 * resources belong to somebody else.
 */
final class LateUse {

	private static final int DEPTH = 4;

	private static final Class<?>[] LATE = { BaseStream.class, Iterator.class, Spliterator.class, Enumeration.class,
			AutoCloseable.class, Future.class, CompletionStage.class, Callable.class };

	/** Of libraries that need not be there. */
	private static final Set<String> LATE_BY_NAME = Set.of(
			"org.springframework.web.context.request.async.DeferredResult",
			"org.springframework.web.context.request.async.WebAsyncTask",
			"org.springframework.web.servlet.mvc.method.annotation.ResponseBodyEmitter",
			"org.springframework.web.servlet.mvc.method.annotation.StreamingResponseBody");

	private LateUse() {
	}

	/**
	 * Looks at a type and at what it contains.
	 * @return the offending type, null if there is none
	 */
	static @Nullable ResolvableType in(ResolvableType type) {
		return in(type, DEPTH);
	}

	private static @Nullable ResolvableType in(ResolvableType type, int depth) {
		Class<?> raw = type.resolve();
		if (raw == null || raw == Class.class || depth == 0) {
			return null;
		}
		if (isLate(raw)) {
			return type;
		}
		if (type.isArray()) {
			return in(type.getComponentType(), depth - 1);
		}
		for (ResolvableType generic : type.getGenerics()) {
			ResolvableType late = in(generic, depth - 1);
			if (late != null) {
				return late;
			}
		}
		return null;
	}

	static boolean isLate(Class<?> type) {
		for (Class<?> late : LATE) {
			if (late.isAssignableFrom(type)) {
				return true;
			}
		}
		for (Class<?> current = type; current != null; current = current.getSuperclass()) {
			if (LATE_BY_NAME.contains(current.getName())) {
				return true;
			}
		}
		for (Class<?> implemented : ClassUtils.getAllInterfacesForClassAsSet(type)) {
			if (LATE_BY_NAME.contains(implemented.getName())) {
				return true;
			}
		}
		return ReactiveAdapterRegistry.getSharedInstance().getAdapter(type) != null;
	}

}
