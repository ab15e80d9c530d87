package io.scopedasync;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Mono;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The four fronts behind one way to start, stop and hear of a scope.
 */
enum Front {

	MONO {
		@Override
		Call start(AsyncScopes scopes, ScopeSpec spec, Function<Scope, Mono<String>> body) {
			Call call = new Call();
			Subscriber subscriber = new Subscriber(call);
			call.stop = subscriber::cancel;
			scopes.with(spec, body).subscribe(subscriber);
			return call;
		}
	},

	FLUX {
		@Override
		Call start(AsyncScopes scopes, ScopeSpec spec, Function<Scope, Mono<String>> body) {
			Call call = new Call();
			Subscriber subscriber = new Subscriber(call);
			call.stop = subscriber::cancel;
			scopes.withMany(spec, (scope) -> body.apply(scope).flux()).subscribe(subscriber);
			return call;
		}
	},

	FUTURE {
		@Override
		Call start(AsyncScopes scopes, ScopeSpec spec, Function<Scope, Mono<String>> body) {
			Call call = new Call();
			CompletableFuture<String> future = scopes.withFuture(spec, (scope) -> body.apply(scope).toFuture());
			call.stop = () -> future.cancel(true);
			future.whenComplete((value, error) -> {
				if (error != null) {
					call.heard.completeExceptionally(error);
				}
				else {
					call.heard.complete(value);
				}
			});
			return call;
		}
	},

	BLOCKING {
		@Override
		Call start(AsyncScopes scopes, ScopeSpec spec, Function<Scope, Mono<String>> body) {
			Call call = new Call();
			Thread thread = new Thread(() -> {
				try {
					call.heard.complete(scopes.withBlocking(spec, (scope) -> {
						Mono<String> mono = body.apply(scope);
						if (mono == null) {
							throw new NullPointerException("no body");
						}
						return blockOn(mono.toFuture());
					}));
				}
				catch (Throwable ex) {
					call.heard.completeExceptionally(ex);
				}
				call.interruptedAtEnd = Thread.interrupted();
			}, "blocking-caller");
			thread.setDaemon(true);
			call.stop = thread::interrupt;
			thread.start();
			return call;
		}
	};

	abstract Call start(AsyncScopes scopes, ScopeSpec spec, Function<Scope, Mono<String>> body);

	private static String blockOn(CompletableFuture<String> body) throws Exception {
		try {
			return body.get();
		}
		catch (ExecutionException ex) {
			if (ex.getCause() instanceof Error error) {
				throw error;
			}
			throw (Exception) ex.getCause();
		}
		catch (InterruptedException ex) {
			body.cancel(true);
			throw ex;
		}
	}

	/** Waits for something that must happen. */
	static void await(CountDownLatch latch) {
		try {
			assertThat(latch.await(30, TimeUnit.SECONDS)).as("happened in time").isTrue();
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	/**
	 * A call under way.
	 */
	static final class Call {

		/** What the caller hears; a cancelled subscriber hears nothing. */
		final CompletableFuture<String> heard = new CompletableFuture<>();

		volatile Runnable stop = () -> {
		};

		volatile boolean interruptedAtEnd;

		void cancel() {
			this.stop.run();
		}

		String value() {
			return this.heard.orTimeout(30, TimeUnit.SECONDS).join();
		}

		Throwable error() {
			try {
				throw new AssertionError("ended with " + this.heard.get(30, TimeUnit.SECONDS) + ", no error");
			}
			catch (ExecutionException ex) {
				return ex.getCause();
			}
			catch (java.util.concurrent.CancellationException ex) {
				return ex;
			}
			catch (InterruptedException | java.util.concurrent.TimeoutException ex) {
				throw new AssertionError("did not end in time", ex);
			}
		}

	}

	private static final class Subscriber extends BaseSubscriber<String> {

		private final Call call;

		private String value;

		Subscriber(Call call) {
			this.call = call;
		}

		@Override
		protected void hookOnSubscribe(Subscription subscription) {
			subscription.request(Long.MAX_VALUE);
		}

		@Override
		protected void hookOnNext(String value) {
			this.value = value;
		}

		@Override
		protected void hookOnComplete() {
			this.call.heard.complete(this.value);
		}

		@Override
		protected void hookOnError(Throwable error) {
			this.call.heard.completeExceptionally(error);
		}

	}

}
