package io.scopedasync.webclient;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;

import io.scopedasync.ScopeClock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link CookieJar}.
 */
class CookieJarTests {

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final CookieJar jar = new CookieJar(ScopeClock.of(this.time));

	@ParameterizedTest
	@CsvSource(textBlock = """
			http://a.example.com/x/y, k=v,                        http://a.example.com/x/z,    true
			http://a.example.com/x/y, k=v,                        http://a.example.com/x,      true
			http://a.example.com/x/y, k=v,                        http://a.example.com/,       false
			http://a.example.com/x/y, k=v,                        http://a.example.com/xx,     false
			http://a.example.com/x/y, k=v; Path=/,                http://a.example.com/,       true
			http://a.example.com/x/y, k=v; Path=/z,               http://a.example.com/z/1,    true
			http://a.example.com/x/y, k=v; Path=/z,               http://a.example.com/zz,     false
			http://a.example.com/x/y, k=v; Path=nonsense,         http://a.example.com/x/1,    true
			http://a.example.com/,    k=v,                        http://b.example.com/,       false
			http://a.example.com/,    k=v,                        http://x.a.example.com/,     false
			http://a.example.com/,    k=v; Domain=a.example.com,  http://x.a.example.com/,     true
			http://a.example.com/,    k=v; Domain=.example.com,   http://b.example.com/,       true
			http://a.example.com/,    k=v; Domain=EXAMPLE.com,    http://B.example.COM/,       true
			http://a.example.com/,    k=v; Domain=example.com,    http://example.com/,         true
			http://a.example.com/,    k=v; Domain=example.com,    http://badexample.com/,      false
			http://badexample.com/,   k=v; Domain=example.com,    http://example.com/,         false
			http://badexample.com/,   k=v; Domain=example.com,    http://badexample.com/,      false
			http://a.example.com/,    k=v; Domain=com,            http://a.example.com/,       false
			http://a.example.com/,    k=v; Domain=b.example.com,  http://b.example.com/,       false
			http://localhost/,        k=v; Domain=localhost,      http://localhost/,           true
			http://localhost:1/,      k=v,                        http://localhost:2/,         true
			http://127.0.0.1/,        k=v,                        http://127.0.0.1/,           true
			http://127.0.0.1/,        k=v; Domain=127.0.0.1,      http://127.0.0.1/,           true
			http://127.0.0.1/,        k=v; Domain=0.0.1,          http://127.0.0.1/,           false
			http://[::1]/,            k=v,                        http://[::1]/,               true
			https://a.example.com/,   k=v; Secure,                https://a.example.com/,      true
			https://a.example.com/,   k=v; Secure,                http://a.example.com/,       false
			http://a.example.com,     k=v,                        http://a.example.com,        true
			http://a.example.com/,    k=v; Max-Age=0,             http://a.example.com/,       false
			http://a.example.com/,    k=v; Max-Age=-1,            http://a.example.com/,       false
			http://a.example.com/,    k=v; Max-Age=10,            http://a.example.com/,       true
			http://a.example.com/,    k=v; Max-Age=99999999999999,http://a.example.com/,       true
			""")
	void sendsACookieOnlyWhereItBelongs(String setBy, String header, String sentTo, boolean sent) {
		this.jar.store(URI.create(setBy), List.of(header));
		assertThat(names(sentTo)).isEqualTo(sent ? List.of("k=v") : List.of());
	}

	@Test
	void readsAnExpiryDate() {
		this.jar.store(URI.create("http://a.example.com/"), List.of("old=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
				"young=1; Expires=Fri, 01 Jan 2100 00:00:00 GMT"));
		assertThat(names("http://a.example.com/")).containsExactly("young=1");
	}

	@Test
	void forgetsACookieWhenItsTimeIsOver() {
		this.jar.store(URI.create("http://a.example.com/"), List.of("k=v; Max-Age=10"));
		this.time.advanceTimeBy(Duration.ofSeconds(9));
		assertThat(names("http://a.example.com/")).hasSize(1);
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(names("http://a.example.com/")).isEmpty();
	}

	@Test
	void replacesAndRemoves() {
		URI uri = URI.create("http://a.example.com/");
		this.jar.store(uri, List.of("k=1", "l=1"));
		this.jar.store(uri, List.of("k=2"));
		assertThat(names(uri.toString())).containsExactlyInAnyOrder("k=2", "l=1");
		this.jar.store(uri, List.of("k=; Max-Age=0"));
		assertThat(names(uri.toString())).containsExactly("l=1");
	}

	@Test
	void sendsTheLongestPathFirst() {
		URI uri = URI.create("http://a.example.com/x/y/z");
		this.jar.store(uri, List.of("a=1; Path=/", "b=1; Path=/x/y", "c=1; Path=/x"));
		assertThat(names(uri.toString())).containsExactly("b=1", "c=1", "a=1");
	}

	@Test
	void ignoresWhatIsNoCookie() {
		this.jar.store(URI.create("http://a.example.com/"), List.of("", "=", "nothing", "k=\u0001", ";;;"));
		assertThat(names("http://a.example.com/")).isEmpty();
	}

	@Test
	void isBounded() {
		URI uri = URI.create("http://a.example.com/");
		IntStream.range(0, 1000).forEach((i) -> this.jar.store(uri, List.of("k" + i + "=v")));
		assertThat(names(uri.toString())).hasSize(CookieJar.CAPACITY).contains("k999=v").doesNotContain("k0=v");
	}

	@Test
	void keepsValuesOutOfLogs() {
		this.jar.store(URI.create("http://a.example.com/"), List.of("k=secret"));
		assertThat(this.jar.matching(URI.create("http://a.example.com/"))).hasToString("[k for a.example.com/]");
	}

	private List<String> names(String uri) {
		return this.jar.matching(URI.create(uri)).stream().map((entry) -> entry.name() + "=" + entry.value()).toList();
	}

}
