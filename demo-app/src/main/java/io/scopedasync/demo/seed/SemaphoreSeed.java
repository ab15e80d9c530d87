package io.scopedasync.demo.seed;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import io.scopedasync.limiter.Limiter;
import reactor.core.publisher.Mono;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * The third program: fifty fetches of 100 ms, gathered by a group of tasks and let
 * through ten at a time. Half a second is what it can't be faster than.
 */
@RestController
class SemaphoreSeed {

	private static final int FETCHES = 50;

	private static final Duration FETCH = Duration.ofMillis(100);

	private final AsyncScopes scopes;

	private final Limiter ten;

	SemaphoreSeed(AsyncScopes scopes, @Qualifier("fetch-limit") Limiter ten) {
		this.scopes = scopes;
		this.ten = ten;
	}

	@GetMapping("/seeds/semaphore")
	Mono<Story.Report> run() {
		return Story.of((story) -> {
			Crowd crowd = new Crowd();
			List<Mono<Integer>> fetches = IntStream.rangeClosed(1, FETCHES)
				.mapToObj((number) -> this.scopes.use(this.ten, (permit) -> fetch(number, crowd, story)))
				.toList();
			return this.scopes.group((group) -> group.gather(fetches))
				.map((results) -> new Result(results.size(), crowd.most.get()));
		});
	}

	private static Mono<Integer> fetch(int number, Crowd crowd, Story story) {
		String name = "fetch " + number;
		return Mono.defer(() -> {
			crowd.enter();
			story.note(name, "begins");
			return Mono.delay(FETCH).map((tick) -> {
				story.note(name, "ends");
				crowd.leave();
				return number;
			});
		});
	}

	/**
	 * How many were there at once.
	 */
	private static final class Crowd {

		private final AtomicInteger now = new AtomicInteger();

		private final AtomicInteger most = new AtomicInteger();

		void enter() {
			this.most.accumulateAndGet(this.now.incrementAndGet(), Math::max);
		}

		void leave() {
			this.now.decrementAndGet();
		}

	}

	/**
	 * What came out.
	 *
	 * @param results how many fetches brought something
	 * @param mostAtOnce how many ran at once at most
	 */
	record Result(int results, int mostAtOnce) {
	}

}
