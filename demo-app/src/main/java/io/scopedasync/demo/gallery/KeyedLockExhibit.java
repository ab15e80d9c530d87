package io.scopedasync.demo.gallery;

import java.time.Duration;

import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import io.scopedasync.sync.KeyedLock;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * Two withdrawals from one account, and one from another.
 */
@Component
class KeyedLockExhibit implements Exhibit {

	private final AsyncScopes scopes;

	KeyedLockExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "keyed-lock";
	}

	@Override
	public String description() {
		return "two withdrawals from account a, one after the other, and one from account b beside them";
	}

	@Override
	public Mono<?> show(Story story) {
		KeyedLock accounts = KeyedLock.builder("gallery-accounts").build();
		return Flux.just("a", "a", "b").flatMap((account) -> this.scopes.use(accounts.forKey(account), (hold) -> {
			story.note("account " + account, "is mine");
			return Mono.delay(Duration.ofMillis(50))
				.doOnNext((tick) -> story.note("account " + account, "goes to the next"));
		})).then(Mono.fromCallable(() -> "afterwards: " + accounts.statistics()));
	}

}
