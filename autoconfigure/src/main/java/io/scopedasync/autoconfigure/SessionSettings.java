package io.scopedasync.autoconfigure;

import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.function.Function;

import io.scopedasync.webclient.SessionBuilder;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.PropertyMapper;
import org.springframework.web.reactive.function.client.WebClient;

/**
 * What a session is made of: its own properties, then the defaults, checked.
 */
final class SessionSettings {

	static final String PREFIX = "scoped-async.sessions";

	static final String DEFAULTS = "scoped-async.defaults.session";

	private final String prefix;

	private final SessionProperties.Session own;

	private final SessionProperties.Session defaults;

	private SessionSettings(String prefix, SessionProperties.Session own, SessionProperties.Session defaults) {
		this.prefix = prefix;
		this.own = own;
		this.defaults = defaults;
	}

	/**
	 * Checks the properties of a session.
	 * @throws InvalidSettingException if they are not those of any session
	 */
	static SessionSettings of(String name, SessionProperties.Session own, SessionProperties.Session defaults) {
		ResourceNames.requireUsable("session", PREFIX, name);
		SessionSettings settings = new SessionSettings(PREFIX + "." + name, own, defaults);
		check(DEFAULTS, defaults);
		check(settings.prefix, own);
		settings.checkSizes();
		settings.checkTimeouts();
		return settings;
	}

	private static void check(String prefix, SessionProperties.Session session) {
		if (session.getBaseUrl() != null) {
			checkUrl(prefix + ".base-url", session.getBaseUrl());
		}
		requireAtLeast(0, prefix + ".min-size", session.getMinSize());
		requireAtLeast(1, prefix + ".max-size", session.getMaxSize());
		requireAtLeast(0, prefix + ".max-waiting", session.getMaxWaiting());
		requireAtLeast(1, prefix + ".connections", session.getConnections());
		requirePositive(prefix + ".acquire-timeout", session.getAcquireTimeout());
		requirePositive(prefix + ".connect-timeout", session.getConnectTimeout());
		requirePositive(prefix + ".response-timeout", session.getResponseTimeout());
		requirePositive(prefix + ".total-timeout", session.getTotalTimeout());
		requirePositive(prefix + ".login-timeout", session.getLoginTimeout());
		requirePositive(prefix + ".drain-timeout", session.getDrainTimeout());
		requirePositive(prefix + ".idle-time", session.getIdleTime());
		requirePositive(prefix + ".life-time", session.getLifeTime());
		requirePositive(prefix + ".leak-threshold", session.getLeakThreshold());
		if (session.getDeadlineHeader() != null) {
			HeaderNames.require(prefix + ".deadline-header", session.getDeadlineHeader());
		}
	}

	private static void checkUrl(String property, String value) {
		try {
			URI uri = new URI(value);
			String scheme = (uri.getScheme() != null) ? uri.getScheme() : "";
			if (uri.getHost() != null && (scheme.equalsIgnoreCase("http") || scheme.equalsIgnoreCase("https"))) {
				return;
			}
		}
		catch (URISyntaxException ex) {
			// Said below, in the words of the property.
		}
		throw new InvalidSettingException(property + " is '" + value + "', which is not the URL of an HTTP server",
				"Write scheme, host and, if need be, port and path, such as https://api.example.com/v1.");
	}

	private static void requireAtLeast(int least, String property, @Nullable Integer value) {
		if (value != null && value < least) {
			throw new InvalidSettingException(property + " is " + value, "Write " + least + " at least.");
		}
	}

	private static void requirePositive(String property, @Nullable Duration value) {
		if (value != null) {
			Durations.requirePositive(property, value);
		}
	}

	private void checkSizes() {
		Integer min = either(SessionProperties.Session::getMinSize);
		Integer max = either(SessionProperties.Session::getMaxSize);
		if (min != null && min > ((max != null) ? max : SessionBuilder.DEFAULT_MAX_SIZE)) {
			throw new InvalidSettingException(
					property("min-size", SessionProperties.Session::getMinSize) + " is " + min + ", which is more than "
							+ property("max-size", SessionProperties.Session::getMaxSize) + ", which is "
							+ ((max != null) ? max : SessionBuilder.DEFAULT_MAX_SIZE + " unless set"),
					"Make fewer sessions in advance, or allow more.");
		}
	}

	/**
	 * Only where both are said of this session: a default may be longer than one
	 * session's limit.
	 */
	private void checkTimeouts() {
		Duration total = this.own.getTotalTimeout();
		checkWithin(total, "connect-timeout", this.own.getConnectTimeout());
		checkWithin(total, "response-timeout", this.own.getResponseTimeout());
	}

	private void checkWithin(@Nullable Duration total, String key, @Nullable Duration part) {
		if (total != null && part != null && part.compareTo(total) > 0) {
			throw new InvalidSettingException(
					this.prefix + "." + key + " is " + Durations.text(part) + ", and " + this.prefix
							+ ".total-timeout, which ends the request before that, is " + Durations.text(total),
					"Make the total the longer one, or remove one of the two.");
		}
	}

	private <T> @Nullable T either(Function<SessionProperties.Session, @Nullable T> getter) {
		T value = getter.apply(this.own);
		return (value != null) ? value : getter.apply(this.defaults);
	}

	private String property(String key, Function<SessionProperties.Session, ?> getter) {
		boolean default_ = getter.apply(this.own) == null && getter.apply(this.defaults) != null;
		return (default_ ? DEFAULTS : this.prefix) + "." + key;
	}

	void applyTo(WebClient.Builder client) {
		String baseUrl = either(SessionProperties.Session::getBaseUrl);
		if (baseUrl != null) {
			client.baseUrl(baseUrl);
		}
		client.defaultHeaders((headers) -> {
			this.defaults.getDefaultHeaders().forEach(headers::set);
			this.own.getDefaultHeaders().forEach(headers::set);
		});
	}

	void applyTo(SessionBuilder builder) {
		PropertyMapper map = PropertyMapper.get();
		Integer min = either(SessionProperties.Session::getMinSize);
		Integer max = either(SessionProperties.Session::getMaxSize);
		builder.size((min != null) ? min : 0, (max != null) ? max : SessionBuilder.DEFAULT_MAX_SIZE);
		map.from(either(SessionProperties.Session::getMaxWaiting)).to(builder::maxWaiting);
		map.from(either(SessionProperties.Session::getConnections)).to(builder::connections);
		map.from(either(SessionProperties.Session::getAcquireTimeout)).to(builder::acquireTimeout);
		map.from(either(SessionProperties.Session::getConnectTimeout)).to(builder::connectTimeout);
		map.from(either(SessionProperties.Session::getResponseTimeout)).to(builder::responseTimeout);
		map.from(either(SessionProperties.Session::getTotalTimeout)).to(builder::totalTimeout);
		map.from(either(SessionProperties.Session::getLoginTimeout)).to(builder::loginTimeout);
		map.from(either(SessionProperties.Session::getDrainTimeout)).to(builder::drainTimeout);
		map.from(either(SessionProperties.Session::getIdleTime)).to(builder::idleTime);
		map.from(either(SessionProperties.Session::getLifeTime)).to(builder::lifeTime);
		map.from(either(SessionProperties.Session::getLeakThreshold)).to(builder::leakThreshold);
		map.from(either(SessionProperties.Session::getDeadlineHeader)).to(builder::deadlineHeader);
		map.from(either(SessionProperties.Session::getCookies)).to(builder::cookies);
	}

}
