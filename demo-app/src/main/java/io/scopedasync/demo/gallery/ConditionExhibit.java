package io.scopedasync.demo.gallery;

import java.util.ArrayDeque;
import java.util.Queue;

import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import io.scopedasync.sync.Condition;
import io.scopedasync.sync.Lock;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * A buffer for one order, a producer and a consumer.
 */
@Component
class ConditionExhibit implements Exhibit {

	private static final int ORDERS = 3;

	private final AsyncScopes scopes;

	ConditionExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "condition";
	}

	@Override
	public String description() {
		return "a producer and a consumer over a buffer that has room for one order, under one lock";
	}

	@Override
	public Mono<?> show(Story story) {
		Lock lock = Lock.builder("gallery-orders").build();
		Condition notEmpty = lock.condition("not-empty");
		Condition notFull = lock.condition("not-full");
		Queue<String> orders = new ArrayDeque<>();
		Mono<Void> put = this.scopes.use(lock, (hold) -> notFull.await(orders::isEmpty).then(Mono.fromRunnable(() -> {
			orders.add("an order");
			story.note("producer", "puts");
		})).then(notEmpty.signal()));
		Mono<Void> take = this.scopes.use(lock,
				(hold) -> notEmpty.await(() -> !orders.isEmpty())
					.then(Mono.fromRunnable(() -> story.note("consumer", "takes " + orders.remove())))
					.then(notFull.signal()));
		return Mono.when(take.repeat(ORDERS - 1), put.repeat(ORDERS - 1))
			.then(Mono.fromCallable(() -> orders.size() + " orders are left"));
	}

}
