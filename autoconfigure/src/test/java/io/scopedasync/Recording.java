package io.scopedasync;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import reactor.core.publisher.Mono;

/**
 * A resource that writes down what happens to it.
 */
class Recording implements AsyncResource<String> {

	final List<String> events;

	private final String name;

	Mono<String> acquisition;

	Mono<Void> release = Mono.empty();

	Recording(String name) {
		this(name, new CopyOnWriteArrayList<>());
	}

	Recording(String name, List<String> events) {
		this.name = name;
		this.events = events;
		this.acquisition = Mono.just(name);
	}

	@Override
	public Mono<String> acquire() {
		return Mono.defer(() -> {
			this.events.add("acquire " + this.name);
			return this.acquisition;
		});
	}

	@Override
	public Mono<Void> release(String value, Exit exit) {
		return Mono.defer(() -> {
			this.events.add("release " + this.name + " " + exit);
			return this.release;
		});
	}

	@Override
	public String name() {
		return this.name;
	}

	long acquired() {
		return this.events.stream().filter((event) -> event.equals("acquire " + this.name)).count();
	}

	long released() {
		return this.events.stream().filter((event) -> event.startsWith("release " + this.name + " ")).count();
	}

}
