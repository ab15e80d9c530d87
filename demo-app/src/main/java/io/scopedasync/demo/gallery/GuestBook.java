package io.scopedasync.demo.gallery;

import java.util.concurrent.atomic.AtomicLong;

import io.scopedasync.AsyncResource;
import io.scopedasync.Exit;
import io.scopedasync.annotation.Lifespan;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * A book that lies open for as long as the application runs.
 */
@Component
@Lifespan(startTimeout = "5s")
class GuestBook implements AsyncResource<GuestBook.Pages> {

	private final AtomicLong opened = new AtomicLong();

	@Override
	public Mono<Pages> acquire() {
		return Mono.fromSupplier(() -> new Pages(this.opened.incrementAndGet(), new AtomicLong()));
	}

	@Override
	public Mono<Void> release(Pages pages, Exit exit) {
		return Mono.empty();
	}

	/**
	 * What is open.
	 *
	 * @param volume how many were opened up to this one
	 * @param guests how many have signed
	 */
	record Pages(long volume, AtomicLong guests) {

		String sign() {
			return "guest " + this.guests.incrementAndGet() + " of volume " + this.volume;
		}

	}

}
