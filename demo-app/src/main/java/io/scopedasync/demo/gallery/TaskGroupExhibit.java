package io.scopedasync.demo.gallery;

import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Joiner;
import io.scopedasync.ScopeSpec;
import io.scopedasync.TaskGroup;
import io.scopedasync.demo.Story;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * Tasks beside a body, and what becomes of them.
 */
@Component
class TaskGroupExhibit implements Exhibit {

	private final AsyncScopes scopes;

	TaskGroupExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "task-group";
	}

	@Override
	public String description() {
		return "tasks that no group leaves behind: one fails and the others are awaited, the fastest wins, ten thousand are gathered";
	}

	@Override
	public Mono<?> show(Story story) {
		return oneFails(story).then(fastestWins(story)).then(gather(story));
	}

	private Mono<Object> oneFails(Story story) {
		return this.scopes.group((group) -> {
			group.start(ScopeSpec.of("patient").entering(desk(story, "patient")), (task) -> Mono.never());
			group.startBlocking(() -> {
				story.note("blocking", "fails, on a thread of its own");
				throw new IllegalStateException("out of paper");
			});
			return Mono.never();
		}).onErrorResume((error) -> {
			story.note("caller", "hears last: " + error.getMessage());
			return Mono.empty();
		});
	}

	/** Takes its time to be given back. */
	private static AsyncResource<String> desk(Story story, String who) {
		return AsyncResource.of(() -> Mono.just("desk"), (desk, exit) -> {
			story.note(who, exit.toString());
			return Mono.delay(Duration.ofMillis(50))
				.then(Mono.fromRunnable(() -> story.note(who, "has left its desk")));
		});
	}

	private Mono<String> fastestWins(Story story) {
		return this.scopes
			.<String>group((group) -> group.join(Joiner.firstSuccess(),
					List.of(Mono.delay(Duration.ofSeconds(30)).thenReturn("tortoise"),
							Mono.delay(Duration.ofMillis(20)).thenReturn("hare"))))
			.doOnNext((winner) -> story.note("race", "won by the " + winner + ", the other is cancelled"));
	}

	private Mono<Integer> gather(Story story) {
		List<Mono<Integer>> work = IntStream.range(0, 10_000).mapToObj((i) -> Mono.fromSupplier(() -> i % 10)).toList();
		return this.scopes
			.<Integer>with(ScopeSpec.of("method"),
					(scope) -> TaskGroup.current()
						.flatMap((group) -> group.gather(100, work))
						.map((digits) -> digits.stream().mapToInt(Integer::intValue).sum()))
			.doOnNext((sum) -> story.note("gather", "10,000 tasks, 100 at once, bring " + sum));
	}

}
