package io.scopedasync.micrometer;

import java.util.concurrent.atomic.AtomicBoolean;

import io.micrometer.observation.NullObservation;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.contextpropagation.ObservationThreadLocalAccessor;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

import io.scopedasync.ContextCarrier.Restored;
import io.scopedasync.Exit;
import io.scopedasync.ScopeObserver;
import io.scopedasync.ScopeRecorder.Outcome;

/**
 * Observes each scope with Micrometer, as {@link ScopedAsyncObservations#SCOPE} says. As
 * long as the registry has no handler, or its predicates say no, nothing is started.
 * <p>
 * A handler that throws is logged and does not touch the scope.
 */
public final class MicrometerScopeObserver implements ScopeObserver {

	private static final Logger logger = LoggerFactory.getLogger(MicrometerScopeObserver.class);

	private static final Restored NOTHING = () -> {
	};

	private final ObservationRegistry registry;

	private final @Nullable ScopeObservationConvention convention;

	private final AtomicBoolean warned = new AtomicBoolean();

	/**
	 * Creates the observer.
	 * @param registry whose handlers are told
	 * @param convention names and keys, null for those of the registry or the default
	 */
	public MicrometerScopeObserver(ObservationRegistry registry, @Nullable ScopeObservationConvention convention) {
		this.registry = registry;
		this.convention = convention;
	}

	@Override
	public @Nullable Observed begin(String scope, ContextView caller, @Nullable Observed around) {
		if (this.registry.isNoop()) {
			return null;
		}
		try {
			ScopeObservationContext context = new ScopeObservationContext(scope);
			Observation observation = ScopedAsyncObservations.SCOPE.observation(this.convention,
					DefaultScopeObservationConvention.INSTANCE, () -> context, this.registry);
			if (observation.isNoop()) {
				return null;
			}
			Observation parent = parent(caller, around);
			if (parent != null) {
				observation.parentObservation(parent);
			}
			observation.start();
			return new ObservedScope(observation, context, parent);
		}
		catch (Throwable ex) {
			failed(ex);
			return null;
		}
	}

	/** Of the caller's Reactor context, else of its thread, else of the scope around. */
	private @Nullable Observation parent(ContextView caller, @Nullable Observed around) {
		Observation parent = caller.getOrDefault(ObservationThreadLocalAccessor.KEY, null);
		if (parent == null) {
			parent = this.registry.getCurrentObservation();
		}
		if (parent == null && around instanceof ObservedScope scope) {
			parent = scope.observation;
		}
		return parent;
	}

	private Restored open(Observation observation) {
		Observation.Scope before = this.registry.getCurrentObservationScope();
		try {
			Observation.Scope scope = observation.openScope();
			return () -> close(scope, before);
		}
		catch (Throwable ex) {
			failed(ex);
			this.registry.setCurrentObservationScope(before);
			return NOTHING;
		}
	}

	private void close(Observation.Scope scope, Observation.@Nullable Scope before) {
		try {
			scope.close();
		}
		catch (Throwable ex) {
			failed(ex);
			this.registry.setCurrentObservationScope(before);
		}
	}

	private void failed(Throwable error) {
		if (this.warned.compareAndSet(false, true)) {
			logger.warn("A handler, filter or convention of observations failed: see the cause. Scopes go on, their "
					+ "observations may be incomplete. Said once.", error);
		}
	}

	private final class ObservedScope implements Observed {

		private final Observation observation;

		private final ScopeObservationContext context;

		private final @Nullable Observation parent;

		ObservedScope(Observation observation, ScopeObservationContext context, @Nullable Observation parent) {
			this.observation = observation;
			this.context = context;
			this.parent = parent;
		}

		@Override
		public Restored open() {
			return MicrometerScopeObserver.this.open(this.observation);
		}

		@Override
		public Context write(Context context) {
			return context.put(ObservationThreadLocalAccessor.KEY, this.observation);
		}

		@Override
		public void acquired(String resource, Outcome outcome) {
			if (outcome == Outcome.SUCCESS) {
				this.context.acquired(resource);
				event(ScopedAsyncObservations.Event.ACQUIRED, resource, outcome);
			}
			else {
				event(ScopedAsyncObservations.Event.NOT_ACQUIRED, resource, outcome);
			}
		}

		@Override
		public void released(String resource, Outcome outcome) {
			event((outcome == Outcome.SUCCESS) ? ScopedAsyncObservations.Event.RELEASED
					: ScopedAsyncObservations.Event.NOT_RELEASED, resource, outcome);
		}

		private void event(ScopedAsyncObservations.Event event, String resource, Outcome outcome) {
			try {
				this.observation.event(event.of(resource, outcome));
			}
			catch (Throwable ex) {
				failed(ex);
			}
		}

		@Override
		public Restored closed(long id, Exit exit) {
			this.context.closed(id, exit);
			try {
				if (exit instanceof Exit.Failed failed) {
					this.observation.error(failed.error());
				}
				this.observation.stop();
			}
			catch (Throwable ex) {
				failed(ex);
			}
			return MicrometerScopeObserver.this
				.open((this.parent != null) ? this.parent : new NullObservation(MicrometerScopeObserver.this.registry));
		}

	}

}
