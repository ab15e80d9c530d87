package io.scopedasync.r2dbc;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.function.Consumer;

import io.r2dbc.spi.Batch;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.Statement;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Sees each thing that is asked of a database as it begins and as it ends.
 */
final class DatabaseSteps {

	private final Consumer<String> step;

	private DatabaseSteps(Consumer<String> step) {
		this.step = step;
	}

	/**
	 * A factory whose connections report.
	 * @param connections the database's own
	 * @param step told what begins or has ended, on the thread that does it; what it
	 * throws is the step's error
	 */
	static ConnectionFactory of(ConnectionFactory connections, Consumer<String> step) {
		DatabaseSteps steps = new DatabaseSteps(step);
		return steps.proxy(ConnectionFactory.class, connections);
	}

	@SuppressWarnings("unchecked")
	private <T> T proxy(Class<T> type, Object target) {
		return (T) Proxy.newProxyInstance(getClass().getClassLoader(), new Class<?>[] { type },
				(proxy, method, arguments) -> {
					Object result;
					try {
						result = method.invoke(target, arguments);
					}
					catch (InvocationTargetException ex) {
						throw ex.getTargetException();
					}
					if (result == target) {
						return proxy;
					}
					return seen(method.getName(), method.getReturnType(), result);
				});
	}

	private @Nullable Object seen(String name, Class<?> type, @Nullable Object result) {
		if (result instanceof Publisher<?> publisher) {
			Flux<Object> seen = Flux.from(publisher)
				.map((value) -> (value instanceof Connection) ? proxy(Connection.class, value) : value)
				.doFirst(() -> this.step.accept(name))
				.concatWith(Mono.fromRunnable(() -> this.step.accept(name + " done")));
			return name.equals("create") ? seen.next() : seen;
		}
		if (type == Statement.class || type == Batch.class) {
			return (result != null) ? proxy(type, result) : null;
		}
		return result;
	}

}
