package io.scopedasync.interceptor;

import java.lang.reflect.Method;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Future;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.core.ReactiveAdapter;
import org.springframework.core.ReactiveAdapterRegistry;
import org.springframework.core.ResolvableType;

/**
 * Chooses the front for a return type, or says why there is none.
 */
final class Fronts {

	private static final String CONTINUATION = "kotlin.coroutines.Continuation";

	private Fronts() {
	}

	static Front of(AnnotatedMethod annotated) {
		Method method = annotated.method();
		Class<?>[] parameters = method.getParameterTypes();
		if (parameters.length > 0 && parameters[parameters.length - 1].getName().equals(CONTINUATION)) {
			throw annotated.invalid("is a suspend function, which can't be scoped",
					"Return a Mono or a Flow, or use AsyncScopes inside it.");
		}
		ResolvableType type = ResolvableType.forMethodReturnType(method, annotated.type());
		Class<?> raw = type.resolve(Object.class);
		if (CompletionStage.class.isAssignableFrom(raw)) {
			requireAssignable(annotated, raw, CompletableFuture.class);
			requireContent(annotated, type);
			return new Front.OfFuture();
		}
		ReactiveAdapter adapter = ReactiveAdapterRegistry.getSharedInstance().getAdapter(raw);
		if (adapter != null) {
			return adapted(annotated, type, raw, adapter);
		}
		if (raw == Object.class) {
			return new Front.OfAnything(annotated.signature());
		}
		if (Future.class.isAssignableFrom(raw)) {
			throw annotated.invalid("returns a " + type + ", whose end can't be heard",
					"Return a CompletableFuture instead.");
		}
		requireNoLateUse(annotated, type, LateUse.in(type));
		return new Front.OfBlocking();
	}

	private static Front adapted(AnnotatedMethod annotated, ResolvableType type, Class<?> raw,
			ReactiveAdapter adapter) {
		requireAssignable(annotated, raw, adapter.getReactiveType());
		if (!adapter.getDescriptor().isDeferred()) {
			throw annotated.invalid("returns a " + type + ", which is under way before there is a scope",
					"Return a Mono or a CompletableFuture instead.");
		}
		if (!adapter.isMultiValue()) {
			requireContent(annotated, type);
		}
		if (raw == Mono.class) {
			return new Front.OfMono();
		}
		return (raw == Flux.class) ? new Front.OfFlux() : new Front.OfAdapted(adapter);
	}

	/** A subtype of what a front makes would be a ClassCastException at the caller. */
	private static void requireAssignable(AnnotatedMethod annotated, Class<?> declared, Class<?> made) {
		if (!declared.isAssignableFrom(made)) {
			throw annotated.invalid("returns a " + declared.getName() + ", of which a scope can make a "
					+ made.getSimpleName() + " only", "Declare " + made.getSimpleName() + " as the return type.");
		}
	}

	/**
	 * Many values are used while the scope is open; a single one is handed over at its
	 * end.
	 */
	private static void requireContent(AnnotatedMethod annotated, ResolvableType type) {
		for (ResolvableType generic : type.getGenerics()) {
			requireNoLateUse(annotated, type, LateUse.in(generic));
		}
	}

	private static void requireNoLateUse(AnnotatedMethod annotated, ResolvableType type,
			@Nullable ResolvableType late) {
		if (late != null) {
			throw annotated.invalid("returns " + type + ": " + late.toClass().getSimpleName()
					+ " is used after the method has returned, when the scope has ended and its resources are released",
					"Return what comes out of it (a List, a byte[], a value), a Flux, a Mono or a CompletableFuture; or use "
							+ "AsyncScopes where the result is consumed.");
		}
	}

}
