package io.scopedasync.r2dbc;

import java.util.Map;
import java.util.function.Function;

import reactor.util.context.Context;
import reactor.util.context.ContextView;

import org.springframework.transaction.reactive.TransactionContext;
import org.springframework.transaction.reactive.TransactionContextManager;
import org.springframework.transaction.reactive.TransactionSynchronizationManager;

/**
 * Where Spring keeps what belongs to a transaction: two entries of the Reactor context.
 */
final class TransactionContexts {

	/**
	 * Spring does not show it, but {@code @Transactional} looks for it before it begins a
	 * transaction of its own.
	 */
	private static final Object HOLDER = TransactionContextManager.getOrCreateContextHolder()
		.apply(Context.empty())
		.stream()
		.map(Map.Entry::getKey)
		.findFirst()
		.orElseThrow();

	private TransactionContexts() {
	}

	/**
	 * The transaction context of a caller, or a new one.
	 * @return Spring's two entries and nothing else
	 */
	static Context joining(ContextView around) {
		Object holder = around.getOrDefault(HOLDER, null);
		Context own = (holder != null) ? Context.of(HOLDER, holder) : Context.empty();
		Function<Context, Context> context = TransactionContextManager.getOrCreateContext();
		return context.apply(TransactionContextManager.getOrCreateContextHolder().apply(own));
	}

	/** One that knows nothing of a transaction around. */
	static Context separate() {
		return joining(Context.empty());
	}

	static TransactionSynchronizationManager resources(ContextView context) {
		return new TransactionSynchronizationManager(context.get(TransactionContext.class));
	}

}
