package io.scopedasync.micrometer;

import java.util.Locale;

import io.micrometer.common.docs.KeyName;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;
import io.micrometer.observation.docs.ObservationDocumentation;

import io.scopedasync.ScopeRecorder.Outcome;

/**
 * Every observation there is, with its keys and events.
 */
public enum ScopedAsyncObservations implements ObservationDocumentation {

	/**
	 * One scope: waiting, acquisition, body and release together.
	 * <p>
	 * Where a registry has Micrometer's handler of meters, the name {@code scoped.async}
	 * becomes a timer {@code scoped.async}, a long task timer
	 * {@code scoped.async.active}, and a counter for each event. None of these may be one
	 * of {@link ScopedAsyncMeters}, which have other tags and types: hence no
	 * {@code scoped.async.scope}, which is a timer already, and no
	 * {@code scoped.async.resource}, whose long task timer would share the name of a
	 * gauge.
	 */
	SCOPE;

	@Override
	public String getName() {
		return "scoped.async";
	}

	@Override
	public Class<? extends ObservationConvention<? extends Observation.Context>> getDefaultConvention() {
		return DefaultScopeObservationConvention.class;
	}

	@Override
	public String getContextualName() {
		return "scope %s";
	}

	@Override
	public KeyName[] getLowCardinalityKeyNames() {
		return LowCardinalityKey.values();
	}

	@Override
	public KeyName[] getHighCardinalityKeyNames() {
		return HighCardinalityKey.values();
	}

	@Override
	public Observation.Event[] getEvents() {
		return Event.values();
	}

	/**
	 * Keys of few values, also tags of meters.
	 */
	public enum LowCardinalityKey implements KeyName {

		/** Name of the scope. */
		NAME("name"),

		/**
		 * How the body ended: {@code completed}, {@code failed}, {@code cancelled};
		 * {@code none} before.
		 */
		EXIT("exit");

		private final String key;

		LowCardinalityKey(String key) {
			this.key = key;
		}

		@Override
		public String asString() {
			return this.key;
		}

	}

	/**
	 * Keys of many values, on spans only.
	 */
	public enum HighCardinalityKey implements KeyName {

		/** Names of the resources that were acquired, in order. */
		RESOURCES("scoped.async.resources"),

		/**
		 * Number of the scope in listings and logs; {@code none} if it never was in one.
		 */
		SCOPE_ID("scoped.async.scope.id");

		private final String key;

		HighCardinalityKey(String key) {
			this.key = key;
		}

		@Override
		public String asString() {
			return this.key;
		}

	}

	/**
	 * What happens on the way. The contextual name, that of the annotation on a span, has
	 * the resource and how it went.
	 */
	public enum Event implements Observation.Event {

		/** An acquisition ended well. */
		ACQUIRED("acquired", "%s acquired"),

		/** An acquisition ended otherwise. */
		NOT_ACQUIRED("not.acquired", "%s not acquired: %s"),

		/** A release ended well. */
		RELEASED("released", "%s released"),

		/** A release failed, or was given up past its limit. */
		NOT_RELEASED("not.released", "%s not released: %s");

		private final String event;

		private final String contextualName;

		Event(String event, String contextualName) {
			this.event = event;
			this.contextualName = contextualName;
		}

		@Override
		public String getName() {
			return this.event;
		}

		@Override
		public String getContextualName() {
			return this.contextualName;
		}

		/** By the resource's name, not by its key, which may be secret. */
		Observation.Event of(String resource, Outcome outcome) {
			return format(resource, outcome.name().toLowerCase(Locale.ROOT));
		}

	}

}
