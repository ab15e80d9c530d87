package io.scopedasync;

import org.jspecify.annotations.Nullable;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Mono;
import reactor.core.publisher.MonoOperator;
import reactor.util.context.ContextView;

/**
 * Finds the scope around a subscriber: in its Reactor context, else on its thread, where
 * blocking and future bodies run.
 */
final class CurrentScope {

	/** A slot per thread, found once per body: setting and removing costs more. */
	private static final ThreadLocal<CurrentScope> OF_THREAD = ThreadLocal.withInitial(CurrentScope::new);

	private @Nullable Place place;

	private CurrentScope() {
	}

	/** What a thread is in. */
	interface Place {

		/** The scope that is around what begins here. */
		RunningScope here();

	}

	static @Nullable RunningScope innermost(ContextView context) {
		Scope scope = context.isEmpty() ? null : context.getOrDefault(Scope.class, null);
		return (scope != null) ? (RunningScope) scope : ofThread();
	}

	static @Nullable RunningScope ofThread() {
		Place place = OF_THREAD.get().place;
		if (place == null) {
			return null;
		}
		RunningScope scope = place.here();
		scope.shared = true;
		return scope;
	}

	static CurrentScope slot() {
		return OF_THREAD.get();
	}

	/** Makes a place the thread's; to be undone with what this returns. */
	@Nullable Place bind(@Nullable Place place) {
		Place before = this.place;
		this.place = place;
		return before;
	}

	boolean isIn(Place place) {
		return this.place == place;
	}

	/** Is subscribed to in the place of the thread that calls this, on any thread. */
	static <T> Mono<T> inThisPlace(Mono<T> mono) {
		Place place = slot().place;
		return new MonoOperator<T, T>(mono) {
			@Override
			public void subscribe(CoreSubscriber<? super T> actual) {
				CurrentScope current = slot();
				Place before = current.bind(place);
				try {
					this.source.subscribe(actual);
				}
				finally {
					current.bind(before);
				}
			}
		};
	}

	static Mono<Scope> current() {
		return Mono.deferContextual((context) -> Mono.justOrEmpty(innermost(context)));
	}

	static <T> Mono<T> held(AsyncResource<T> resource) {
		return Mono.deferContextual((context) -> {
			RunningScope scope = innermost(context);
			T value = (scope != null) ? scope.find(resource) : null;
			value = (value != null) ? value : ApplicationScope.findAnywhere(resource);
			if (value != null) {
				return Mono.just(value);
			}
			String name = resource.name();
			if (scope != null && scope.state() == Scope.State.CLOSED) {
				scope.scopes.watcher.usedAfterClose(scope.name(), name);
				return Mono.error(new ScopeClosedException(scope.name(), "'" + name + "' was used after scope '"
						+ scope.name() + "' had ended and given it back: use it inside the scope only."));
			}
			return Mono.error(new NoScopeException(name,
					"No scope here holds '" + name + "': annotate the calling method with @ScopedAsync(\"" + name
							+ "\"), or call AsyncScopes.use, and stay in its reactive chain or on its thread. "
							+ "What the application holds is there once it has started."));
		});
	}

}
