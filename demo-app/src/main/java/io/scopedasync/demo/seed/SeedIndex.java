package io.scopedasync.demo.seed;

import java.util.List;

import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * Which programs there are.
 */
@RestController
class SeedIndex {

	@GetMapping("/seeds")
	List<Seed> seeds() {
		return List.of(
				new Seed("/seeds/connection",
						"a connection class; fail=true has the body fail, suppress=true suppresses that"),
				new Seed("/seeds/session",
						"a session built by a function; timeout=50 (milliseconds) is too short for it"),
				new Seed("/seeds/semaphore", "fifty fetches of 100 ms, ten at a time"), new Seed("/seeds/echo",
						"a line-echo server, closed while a client is connected; lines=3 is a client that leaves by itself"));
	}

	/**
	 * A program.
	 *
	 * @param path where to run it
	 * @param description what it is, and its parameters
	 */
	record Seed(String path, String description) {
	}

}
