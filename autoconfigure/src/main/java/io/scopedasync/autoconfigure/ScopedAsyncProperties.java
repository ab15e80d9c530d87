package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.ConfigurationProperties;

/**
 * Configuration properties of scopes, limiters, locks and leak detection.
 */
@ConfigurationProperties("scoped-async")
public final class ScopedAsyncProperties {

	/**
	 * Whether scopes, limiters and the @ScopedAsync advice are set up at all.
	 */
	private boolean enabled = true;

	/**
	 * How long a release, or an acquisition that a cancelled scope waits for, may take
	 * before the caller goes on.
	 */
	private Duration releaseTimeout = Duration.ofSeconds(10);

	/**
	 * How long open scopes are left alone at shutdown before they are cancelled.
	 */
	private Duration shutdownTimeout = Duration.ofSeconds(15);

	/**
	 * Limiters by name. Each is a bean of that name.
	 */
	private Map<String, Limiter> limiters = new LinkedHashMap<>();

	/**
	 * Locks by name. Each is a bean of that name.
	 */
	private Map<String, Lock> locks = new LinkedHashMap<>();

	private final Defaults defaults = new Defaults();

	private final LeakDetection leakDetection = new LeakDetection();

	private final Observations observations = new Observations();

	private final Web web = new Web();

	private final Lifespan lifespan = new Lifespan();

	public boolean isEnabled() {
		return this.enabled;
	}

	public void setEnabled(boolean enabled) {
		this.enabled = enabled;
	}

	public Duration getReleaseTimeout() {
		return this.releaseTimeout;
	}

	public void setReleaseTimeout(Duration releaseTimeout) {
		this.releaseTimeout = releaseTimeout;
	}

	public Duration getShutdownTimeout() {
		return this.shutdownTimeout;
	}

	public void setShutdownTimeout(Duration shutdownTimeout) {
		this.shutdownTimeout = shutdownTimeout;
	}

	public Map<String, Limiter> getLimiters() {
		return this.limiters;
	}

	public void setLimiters(Map<String, Limiter> limiters) {
		this.limiters = limiters;
	}

	public Map<String, Lock> getLocks() {
		return this.locks;
	}

	public void setLocks(Map<String, Lock> locks) {
		this.locks = locks;
	}

	public Defaults getDefaults() {
		return this.defaults;
	}

	public Web getWeb() {
		return this.web;
	}

	public Observations getObservations() {
		return this.observations;
	}

	public Lifespan getLifespan() {
		return this.lifespan;
	}

	public LeakDetection getLeakDetection() {
		return this.leakDetection;
	}

	/**
	 * What is not said of a limiter or a lock itself.
	 */
	public static final class Defaults {

		private final Limiter limiter = new Limiter();

		private final Lock lock = new Lock();

		public Limiter getLimiter() {
			return this.limiter;
		}

		public Lock getLock() {
			return this.lock;
		}

	}

	/**
	 * A limiter.
	 */
	public static final class Limiter extends QueueProperties {

		/**
		 * How many scopes may hold a permit at once.
		 */
		private @Nullable Integer permits;

		public @Nullable Integer getPermits() {
			return this.permits;
		}

		public void setPermits(@Nullable Integer permits) {
			this.permits = permits;
		}

	}

	/**
	 * A lock.
	 */
	public static final class Lock extends QueueProperties {

		/**
		 * Whether there may be many readers instead of one writer.
		 */
		private @Nullable Boolean readWrite;

		public @Nullable Boolean getReadWrite() {
			return this.readWrite;
		}

		public void setReadWrite(@Nullable Boolean readWrite) {
			this.readWrite = readWrite;
		}

	}

	/**
	 * What the application holds for as long as it runs.
	 */
	public static final class Lifespan {

		/**
		 * How long the acquisition of a lifespan may take while the application starts.
		 */
		private Duration startTimeout = Duration.ofSeconds(30);

		public Duration getStartTimeout() {
			return this.startTimeout;
		}

		public void setStartTimeout(Duration startTimeout) {
			this.startTimeout = startTimeout;
		}

	}

	/**
	 * Observations of scopes.
	 */
	public static final class Observations {

		/**
		 * Whether each scope is an observation. Where something else than meters is made
		 * of observations, tracing for instance, unless set.
		 */
		private @Nullable Boolean enabled;

		public @Nullable Boolean getEnabled() {
			return this.enabled;
		}

		public void setEnabled(@Nullable Boolean enabled) {
			this.enabled = enabled;
		}

	}

	/**
	 * Detection of scopes that do not end.
	 */
	public static final class LeakDetection {

		/**
		 * How much is known of each open scope.
		 */
		private Level level = Level.SIMPLE;

		/**
		 * Age from which an open scope counts as overdue.
		 */
		private Duration threshold = Duration.ofMinutes(1);

		/**
		 * Time between two looks at the open scopes.
		 */
		private Duration sweepInterval = Duration.ofSeconds(10);

		/**
		 * Of one scope in so many it is kept where it was opened, at level simple.
		 */
		private int samplingInterval = 64;

		/**
		 * Whether a scope is cancelled that is open still when the one around it ends,
		 * instead of only being reported.
		 */
		private boolean cancelOutliving;

		public Level getLevel() {
			return this.level;
		}

		public void setLevel(Level level) {
			this.level = level;
		}

		public Duration getThreshold() {
			return this.threshold;
		}

		public void setThreshold(Duration threshold) {
			this.threshold = threshold;
		}

		public boolean isCancelOutliving() {
			return this.cancelOutliving;
		}

		public void setCancelOutliving(boolean cancelOutliving) {
			this.cancelOutliving = cancelOutliving;
		}

		public int getSamplingInterval() {
			return this.samplingInterval;
		}

		public void setSamplingInterval(int samplingInterval) {
			this.samplingInterval = samplingInterval;
		}

		public Duration getSweepInterval() {
			return this.sweepInterval;
		}

		public void setSweepInterval(Duration sweepInterval) {
			this.sweepInterval = sweepInterval;
		}

		/**
		 * How much leak detection knows of a scope.
		 */
		public enum Level {

			/**
			 * Nothing is looked for, and scopes cost nothing extra.
			 */
			DISABLED,

			/**
			 * Name, age, resources and thread of each open scope; where it was opened of
			 * one in sampling-interval, and of all of a name that leaked before.
			 */
			SIMPLE,

			/**
			 * Where each scope was opened, up to 1,000 in a second.
			 */
			ADVANCED,

			/**
			 * Where each scope was opened, whatever it costs: microseconds each.
			 */
			PARANOID

		}

	}

	/**
	 * What is asked of those who call this application.
	 */
	public static class Web {

		/**
		 * Header in which a caller says how many milliseconds it waits: a deadline that
		 * all scopes of the request inherit. None unless set.
		 */
		private @Nullable String deadlineHeader;

		public @Nullable String getDeadlineHeader() {
			return this.deadlineHeader;
		}

		public void setDeadlineHeader(@Nullable String deadlineHeader) {
			this.deadlineHeader = deadlineHeader;
		}

	}

}
