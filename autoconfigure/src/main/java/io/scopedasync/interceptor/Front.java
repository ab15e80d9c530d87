package io.scopedasync.interceptor;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

import org.aopalliance.intercept.MethodInvocation;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import io.scopedasync.AsyncScopes;
import io.scopedasync.ScopeSpec;

import org.springframework.aop.ProxyMethodInvocation;
import org.springframework.core.ReactiveAdapter;

/**
 * How a method is run inside a scope, as its return type wants it. Stateless; the one
 * state machine is behind {@link AsyncScopes}.
 */
abstract class Front {

	/**
	 * Runs the rest of the chain inside a scope.
	 * @param scopes opens the scope
	 * @param spec what the scope holds
	 * @param invocation stands at this advice; used for as many calls as there are
	 * subscriptions
	 * @return what the caller gets
	 */
	abstract @Nullable Object run(AsyncScopes scopes, ScopeSpec spec, MethodInvocation invocation) throws Throwable;

	/** What the caller gets where there is no spec to run. */
	abstract Object failed(Throwable error) throws Throwable;

	/**
	 * Calls the method through the rest of the chain. A clone, because an invocation can
	 * be proceeded only once: a second time it would go straight to the method and skip
	 * the advice in between.
	 */
	private static @Nullable Object call(MethodInvocation invocation) {
		return proceed(((ProxyMethodInvocation) invocation).invocableClone());
	}

	private static @Nullable Object proceed(MethodInvocation invocation) {
		try {
			return invocation.proceed();
		}
		catch (Throwable ex) {
			throw Front.<RuntimeException>unchanged(ex);
		}
	}

	/** Lets an error through functions that declare none, without wrapping it. */
	@SuppressWarnings("unchecked")
	private static <E extends Throwable> E unchanged(Throwable error) throws E {
		throw (E) error;
	}

	static final class OfMono extends Front {

		@Override
		@Nullable Object run(AsyncScopes scopes, ScopeSpec spec, MethodInvocation invocation) {
			return scopes.<Object>with(spec, (scope) -> (Mono<?>) call(invocation));
		}

		@Override
		Object failed(Throwable error) {
			return Mono.error(error);
		}

	}

	static final class OfFlux extends Front {

		@Override
		@Nullable Object run(AsyncScopes scopes, ScopeSpec spec, MethodInvocation invocation) {
			return scopes.<Object>withMany(spec, (scope) -> (Flux<?>) call(invocation));
		}

		@Override
		Object failed(Throwable error) {
			return Flux.error(error);
		}

	}

	/** Every other deferred type that Spring can turn into a publisher and back. */
	static final class OfAdapted extends Front {

		private final ReactiveAdapter adapter;

		OfAdapted(ReactiveAdapter adapter) {
			this.adapter = adapter;
		}

		@Override
		@Nullable Object run(AsyncScopes scopes, ScopeSpec spec, MethodInvocation invocation) {
			return this.adapter.fromPublisher(
					this.adapter.isMultiValue() ? scopes.<Object>withMany(spec, (scope) -> publisher(invocation))
							: scopes.<Object>with(spec, (scope) -> mono(invocation)));
		}

		private @Nullable Publisher<?> publisher(MethodInvocation invocation) {
			Object result = call(invocation);
			return (result != null) ? this.adapter.toPublisher(result) : null;
		}

		private @Nullable Mono<?> mono(MethodInvocation invocation) {
			Publisher<?> publisher = publisher(invocation);
			return (publisher != null) ? Mono.from(publisher) : null;
		}

		@Override
		Object failed(Throwable error) {
			return this.adapter.fromPublisher(Mono.error(error));
		}

	}

	static final class OfFuture extends Front {

		@Override
		@Nullable Object run(AsyncScopes scopes, ScopeSpec spec, MethodInvocation invocation) {
			return scopes.<Object>withFuture(spec, (scope) -> (CompletionStage<?>) proceed(invocation));
		}

		@Override
		Object failed(Throwable error) {
			return CompletableFuture.failedFuture(error);
		}

	}

	static final class OfBlocking extends Front {

		@Override
		@Nullable Object run(AsyncScopes scopes, ScopeSpec spec, MethodInvocation invocation) throws Throwable {
			return scopes.<@Nullable Object>withBlocking(spec, (scope) -> proceed(invocation));
		}

		@Override
		Object failed(Throwable error) throws Throwable {
			throw error;
		}

	}

	/**
	 * Where the declared type promises nothing, and the result may yet be one that needs
	 * another front.
	 */
	static final class OfAnything extends Front {

		private final String method;

		OfAnything(String method) {
			this.method = method;
		}

		@Override
		@Nullable Object run(AsyncScopes scopes, ScopeSpec spec, MethodInvocation invocation) throws Throwable {
			return scopes.<@Nullable Object>withBlocking(spec, (scope) -> {
				Object result = proceed(invocation);
				if (result != null && LateUse.isLate(result.getClass())) {
					throw new IllegalStateException("@ScopedAsync method " + this.method
							+ " is declared to return an Object " + "and returned a "
							+ result.getClass().getSimpleName()
							+ ", which would be used after the scope has ended: declare the type that it returns.");
				}
				return result;
			});
		}

		@Override
		Object failed(Throwable error) throws Throwable {
			throw error;
		}

	}

}
