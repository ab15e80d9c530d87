package io.scopedasync;

import java.util.List;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/**
 * A resource made of others: branches acquired at the same time, each of which is one
 * resource or several, one after the other. A branch is held by a {@link Holding}, so
 * what it is made of waits, is cancelled, released, bounded and recorded as everywhere.
 */
abstract class ComposedResource<R> extends RawResource<R> {

	final List<List<AsyncResource<?>>> branches;

	ComposedResource(List<List<AsyncResource<?>>> branches) {
		this.branches = branches;
	}

	/** Whether the first branch is enough. */
	boolean isRace() {
		return false;
	}

	/**
	 * What the body sees.
	 * @param values the last of each branch that is held
	 */
	abstract Object combine(List<Object> values);

	@Override
	final Mono<?> acquireRaw() {
		return new Mono<Parts>() {
			@Override
			public void subscribe(CoreSubscriber<? super Parts> actual) {
				Parts parts = new Parts(ComposedResource.this, actual);
				actual.onSubscribe(parts);
				// What a pool makes is in no scope, whatever the thread is in.
				parts.begin((RunningScope) actual.currentContext().getOrDefault(Scope.class, null));
			}
		};
	}

	@Override
	final Mono<Exit> exitRaw(Object raw, Exit exit) {
		return ((Parts) raw).exit(exit);
	}

	/** Each part closes by force on its own. */
	@Override
	final Mono<Void> abortRaw(Object raw) {
		return Mono.empty();
	}

	@Override
	final Object view(Object raw) {
		return ((Parts) raw).value();
	}

	@Override
	final @Nullable Function<Context, Context> contextRaw(Object raw) {
		return ((Parts) raw).context();
	}

	@Override
	final @Nullable Object find(Object raw, Object identity) {
		return ((Parts) raw).find(identity);
	}

	/** A cancel is passed on to the parts, and the scope waits for those that need it. */
	@Override
	public final boolean cancellable() {
		return true;
	}

}
