package io.scopedasync;

import java.util.concurrent.Phaser;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import reactor.core.publisher.Mono;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A transfer against the end of its scope: all entries are moved, or none.
 */
@Timeout(360)
@ExtendWith(QuietScopes.class)
class TransferRaceTests {

	private static final int ROUNDS = Integer.getInteger("transfer.rounds", 5_000);

	private static final int ENTRIES = 5;

	private final AsyncScopes scopes = AsyncScopes.create();

	@Test
	void allEntriesAreMovedOrNone() {
		Phaser both = new Phaser(2);
		AtomicReference<Scope> old = new AtomicReference<>();
		Thread closer = new Thread(() -> {
			for (int i = 0; i < ROUNDS; i++) {
				both.arriveAndAwaitAdvance();
				old.get().cancel("at the same moment").subscribe();
				both.arriveAndAwaitAdvance();
			}
		});
		closer.setDaemon(true);
		closer.start();
		for (int i = 0; i < ROUNDS; i++) {
			AtomicInteger released = new AtomicInteger();
			AsyncResource<String> one = AsyncResource.closing(() -> Mono.just("one"),
					(value) -> Mono.fromRunnable(released::incrementAndGet));
			AtomicReference<Scope> opened = new AtomicReference<>();
			this.scopes.with(ScopeSpec.of("old"), (scope) -> {
				opened.set(scope);
				return Mono.never();
			}).subscribe((value) -> {
			}, (cancelled) -> {
			});
			for (int entry = 0; entry < ENTRIES; entry++) {
				opened.get().enter(one.fresh()).block();
			}
			old.set(opened.get());
			both.arriveAndAwaitAdvance();
			for (int spin = i & 127; spin > 0; spin--) {
				Thread.onSpinWait();
			}
			Scope owner = null;
			try {
				owner = old.get().transfer();
			}
			catch (ScopeClosedException ex) {
				assertThat(ex).hasMessageContaining("transfer before its body ends");
			}
			both.arriveAndAwaitAdvance();
			assertThat(released).as("released by the old scope in round " + i).hasValue((owner != null) ? 0 : ENTRIES);
			if (owner != null) {
				owner.close().block();
				assertThat(released).hasValue(ENTRIES);
			}
		}
		assertThat(this.scopes.openScopes()).isEmpty();
	}

}
