package io.scopedasync.interceptor;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import reactor.core.publisher.Mono;

import io.scopedasync.AsyncResource;
import io.scopedasync.Exit;

/**
 * What happened, in order.
 */
class Journal {

	private final List<String> entries = new CopyOnWriteArrayList<>();

	void add(String entry) {
		this.entries.add(entry);
	}

	List<String> entries() {
		return List.copyOf(this.entries);
	}

	/** Writes down when it is acquired and released; a bean called {@code name}. */
	AsyncResource<String> resource(String name) {
		return resource(name, AsyncResource.Nesting.SEPARATE);
	}

	AsyncResource<String> resource(String name, AsyncResource.Nesting nesting) {
		return new AsyncResource<>() {

			@Override
			public Mono<String> acquire() {
				return Mono.fromSupplier(() -> {
					add("acquire " + name);
					return name;
				});
			}

			@Override
			public Mono<Void> release(String value, Exit exit) {
				return Mono.fromRunnable(() -> add("release " + name + " " + exit));
			}

			@Override
			public Nesting nesting() {
				return nesting;
			}

		};
	}

}
