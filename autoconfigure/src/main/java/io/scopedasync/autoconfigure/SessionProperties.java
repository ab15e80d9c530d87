package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.ConfigurationProperties;

/**
 * Configuration properties of sessions.
 */
@ConfigurationProperties("scoped-async")
public class SessionProperties {

	/**
	 * Sessions by name. Each is a bean of that name, and a WebClient with that qualifier.
	 */
	private Map<String, Session> sessions = new LinkedHashMap<>();

	private final Defaults defaults = new Defaults();

	public Map<String, Session> getSessions() {
		return this.sessions;
	}

	public void setSessions(Map<String, Session> sessions) {
		this.sessions = sessions;
	}

	public Defaults getDefaults() {
		return this.defaults;
	}

	/**
	 * What is not said of a session itself.
	 */
	public static class Defaults {

		private final Session session = new Session();

		public Session getSession() {
			return this.session;
		}

	}

	/**
	 * A pool of HTTP sessions.
	 */
	public static class Session {

		/**
		 * What relative request URIs are appended to.
		 */
		private @Nullable String baseUrl;

		/**
		 * Headers that each request has unless it sets them itself.
		 */
		private Map<String, String> defaultHeaders = new LinkedHashMap<>();

		/**
		 * How many sessions are made at start-up, logins included.
		 */
		private @Nullable Integer minSize;

		/**
		 * How many sessions may be lent at once.
		 */
		private @Nullable Integer maxSize;

		/**
		 * How many callers may wait for a session, and requests of a session for a
		 * connection; further ones are rejected at once.
		 */
		private @Nullable Integer maxWaiting;

		/**
		 * How many requests of one session may run at once; further ones wait.
		 */
		private @Nullable Integer connections;

		/**
		 * How long a caller waits for a session, and a request for a connection.
		 */
		private @Nullable Duration acquireTimeout;

		/**
		 * How long connecting may take. That of the application's HTTP clients unless
		 * set.
		 */
		private @Nullable Duration connectTimeout;

		/**
		 * How long a server may be silent. The read timeout of the application's HTTP
		 * clients unless set.
		 */
		private @Nullable Duration responseTimeout;

		/**
		 * How long a request may take in all.
		 */
		private @Nullable Duration totalTimeout;

		/**
		 * How long a login, and a logout, may take.
		 */
		private @Nullable Duration loginTimeout;

		/**
		 * How long the end of a scope waits for the rest of an answer that nobody read,
		 * before it closes the connection.
		 */
		private @Nullable Duration drainTimeout;

		/**
		 * How long a session, and a connection, may be unused before it is discarded.
		 */
		private @Nullable Duration idleTime;

		/**
		 * How old a session, and a connection, may become. Unlimited unless set.
		 */
		private @Nullable Duration lifeTime;

		/**
		 * Age from which a scope that holds a session counts as overdue. That of leak
		 * detection unless set.
		 */
		private @Nullable Duration leakThreshold;

		/**
		 * Header in which each request says how many milliseconds its scope has left.
		 * None unless set.
		 */
		private @Nullable String deadlineHeader;

		/**
		 * Whether a session keeps cookies.
		 */
		private @Nullable Boolean cookies;

		public @Nullable String getBaseUrl() {
			return this.baseUrl;
		}

		public void setBaseUrl(@Nullable String baseUrl) {
			this.baseUrl = baseUrl;
		}

		public Map<String, String> getDefaultHeaders() {
			return this.defaultHeaders;
		}

		public void setDefaultHeaders(Map<String, String> defaultHeaders) {
			this.defaultHeaders = defaultHeaders;
		}

		public @Nullable Integer getMinSize() {
			return this.minSize;
		}

		public void setMinSize(@Nullable Integer minSize) {
			this.minSize = minSize;
		}

		public @Nullable Integer getMaxSize() {
			return this.maxSize;
		}

		public void setMaxSize(@Nullable Integer maxSize) {
			this.maxSize = maxSize;
		}

		public @Nullable Integer getMaxWaiting() {
			return this.maxWaiting;
		}

		public void setMaxWaiting(@Nullable Integer maxWaiting) {
			this.maxWaiting = maxWaiting;
		}

		public @Nullable Integer getConnections() {
			return this.connections;
		}

		public void setConnections(@Nullable Integer connections) {
			this.connections = connections;
		}

		public @Nullable Duration getAcquireTimeout() {
			return this.acquireTimeout;
		}

		public void setAcquireTimeout(@Nullable Duration acquireTimeout) {
			this.acquireTimeout = acquireTimeout;
		}

		public @Nullable Duration getConnectTimeout() {
			return this.connectTimeout;
		}

		public void setConnectTimeout(@Nullable Duration connectTimeout) {
			this.connectTimeout = connectTimeout;
		}

		public @Nullable Duration getResponseTimeout() {
			return this.responseTimeout;
		}

		public void setResponseTimeout(@Nullable Duration responseTimeout) {
			this.responseTimeout = responseTimeout;
		}

		public @Nullable Duration getTotalTimeout() {
			return this.totalTimeout;
		}

		public void setTotalTimeout(@Nullable Duration totalTimeout) {
			this.totalTimeout = totalTimeout;
		}

		public @Nullable Duration getLoginTimeout() {
			return this.loginTimeout;
		}

		public void setLoginTimeout(@Nullable Duration loginTimeout) {
			this.loginTimeout = loginTimeout;
		}

		public @Nullable Duration getDrainTimeout() {
			return this.drainTimeout;
		}

		public void setDrainTimeout(@Nullable Duration drainTimeout) {
			this.drainTimeout = drainTimeout;
		}

		public @Nullable Duration getIdleTime() {
			return this.idleTime;
		}

		public void setIdleTime(@Nullable Duration idleTime) {
			this.idleTime = idleTime;
		}

		public @Nullable Duration getLifeTime() {
			return this.lifeTime;
		}

		public void setLifeTime(@Nullable Duration lifeTime) {
			this.lifeTime = lifeTime;
		}

		public @Nullable String getDeadlineHeader() {
			return this.deadlineHeader;
		}

		public void setDeadlineHeader(@Nullable String deadlineHeader) {
			this.deadlineHeader = deadlineHeader;
		}

		public @Nullable Duration getLeakThreshold() {
			return this.leakThreshold;
		}

		public void setLeakThreshold(@Nullable Duration leakThreshold) {
			this.leakThreshold = leakThreshold;
		}

		public @Nullable Boolean getCookies() {
			return this.cookies;
		}

		public void setCookies(@Nullable Boolean cookies) {
			this.cookies = cookies;
		}

	}

}
