package io.scopedasync.webclient;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

import io.netty.handler.codec.http.cookie.ClientCookieDecoder;
import io.netty.handler.codec.http.cookie.Cookie;
import io.netty.util.NetUtil;
import io.scopedasync.ScopeClock;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpCookie;
import org.springframework.http.client.reactive.ClientHttpRequest;

/**
 * The cookies of one session, kept and sent by the rules of RFC 6265. Safe to use from
 * any thread.
 */
final class CookieJar {

	/** As many as browsers keep for a site. */
	static final int CAPACITY = 180;

	private static final Duration MAX_AGE = Duration.ofDays(400);

	private static final Comparator<Entry> LONGEST_PATH_FIRST = Comparator
		.comparingInt((Entry entry) -> entry.path().length())
		.reversed();

	private final ScopeClock clock;

	/** In order of creation. */
	private final List<Entry> entries = new ArrayList<>();

	CookieJar(ScopeClock clock) {
		this.clock = clock;
	}

	/**
	 * Keeps what an answer set.
	 * @param uri what was asked
	 * @param headers the values of {@code Set-Cookie}; what can't be parsed or is not for
	 * this host is left out
	 */
	void store(URI uri, List<String> headers) {
		for (String header : headers) {
			Cookie cookie = ClientCookieDecoder.STRICT.decode(header);
			Entry entry = (cookie != null) ? entry(uri, cookie) : null;
			if (entry != null) {
				put(entry, cookie.maxAge() != Cookie.UNDEFINED_MAX_AGE && cookie.maxAge() <= 0);
			}
		}
	}

	/**
	 * The cookies to send.
	 * @param uri what is asked
	 * @return the longest path first, then the oldest
	 */
	synchronized List<Entry> matching(URI uri) {
		if (this.entries.isEmpty()) {
			return List.of();
		}
		long now = this.clock.nanos();
		this.entries.removeIf((entry) -> entry.expired(now));
		String host = host(uri);
		String path = path(uri);
		boolean secure = "https".equalsIgnoreCase(uri.getScheme());
		return this.entries.stream()
			.filter((entry) -> entry.matches(host, path, secure))
			.sorted(LONGEST_PATH_FIRST)
			.toList();
	}

	static void addTo(ClientHttpRequest request, List<Entry> cookies) {
		for (Entry cookie : cookies) {
			// What the caller says himself goes before what the session remembers.
			if (!request.getCookies().containsKey(cookie.name())) {
				request.getCookies().add(cookie.name(), new HttpCookie(cookie.name(), cookie.value()));
			}
		}
	}

	private synchronized void put(Entry entry, boolean remove) {
		this.entries.removeIf(entry::replaces);
		if (remove) {
			return;
		}
		if (this.entries.size() == CAPACITY) {
			this.entries.remove(0);
		}
		this.entries.add(entry);
	}

	private @Nullable Entry entry(URI uri, Cookie cookie) {
		String host = host(uri);
		String domain = (cookie.domain() != null) ? cookie.domain().toLowerCase(Locale.ROOT) : "";
		domain = domain.startsWith(".") ? domain.substring(1) : domain;
		boolean hostOnly = domain.isEmpty() || domain.equals(host) && isolated(host);
		if (!hostOnly && (isolated(domain) || !inDomain(host, domain))) {
			return null;
		}
		String path = cookie.path();
		if (path == null || !path.startsWith("/")) {
			path = directory(path(uri));
		}
		Long expires = null;
		if (cookie.maxAge() != Cookie.UNDEFINED_MAX_AGE) {
			Duration age = Duration.ofSeconds(Math.min(cookie.maxAge(), MAX_AGE.toSeconds()));
			expires = this.clock.nanos() + age.toNanos();
		}
		return new Entry(cookie.name(), cookie.value(), hostOnly ? host : domain, hostOnly, path, cookie.isSecure(),
				expires);
	}

	/**
	 * Whether a name has no subdomains that share cookies: an address, or a single label
	 * as "com" or "localhost".
	 */
	private static boolean isolated(String name) {
		return name.indexOf('.') < 0 || name.indexOf(':') >= 0 || NetUtil.isValidIpV4Address(name);
	}

	private static boolean inDomain(String host, String domain) {
		return host.equals(domain)
				|| host.endsWith(domain) && host.charAt(host.length() - domain.length() - 1) == '.' && !isolated(host);
	}

	private static String directory(String path) {
		int slash = path.lastIndexOf('/');
		return (slash <= 0) ? "/" : path.substring(0, slash);
	}

	private static String host(URI uri) {
		return (uri.getHost() != null) ? uri.getHost().toLowerCase(Locale.ROOT) : "";
	}

	private static String path(URI uri) {
		String path = uri.getRawPath();
		return (path == null || path.isEmpty()) ? "/" : path;
	}

	/**
	 * A cookie that is kept.
	 *
	 * @param name its name
	 * @param value its value
	 * @param domain the host that set it, or the domain that it is for
	 * @param hostOnly whether subdomains don't get it
	 * @param path the path that it is for
	 * @param secure whether only https gets it
	 * @param expires nanoseconds of the clock, null to live as long as the session
	 */
	record Entry(String name, String value, String domain, boolean hostOnly, String path, boolean secure,
			@Nullable Long expires) {

		boolean expired(long now) {
			return this.expires != null && this.expires - now <= 0;
		}

		boolean replaces(Entry other) {
			return this.name.equals(other.name) && this.domain.equals(other.domain) && this.path.equals(other.path);
		}

		boolean matches(String host, String path, boolean secure) {
			return (this.hostOnly ? host.equals(this.domain) : inDomain(host, this.domain)) && (secure || !this.secure)
					&& inPath(path);
		}

		private boolean inPath(String path) {
			return path.startsWith(this.path) && (path.length() == this.path.length() || this.path.endsWith("/")
					|| path.charAt(this.path.length()) == '/');
		}

		@Override
		public String toString() {
			// The value may be a secret.
			return this.name + " for " + this.domain + this.path;
		}

	}

}
