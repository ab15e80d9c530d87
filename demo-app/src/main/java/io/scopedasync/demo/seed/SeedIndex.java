package io.scopedasync.demo.seed;

import java.util.Map;

import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * Which programs there are.
 */
@RestController
class SeedIndex {

	@GetMapping("/seeds")
	Map<String, String> seeds() {
		return Map.of("/seeds/connection",
				"a connection class; ?fail=true fails the body, &suppress=true suppresses the error", "/seeds/session",
				"a session built by a function; ?timeout=50 is too short for it", "/seeds/semaphore",
				"fifty fetches of 100 ms, ten at a time", "/seeds/echo",
				"a line-echo server, closed while a client is connected; ?lines=3 is a client that leaves by itself");
	}

}
