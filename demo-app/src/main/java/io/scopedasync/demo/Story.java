package io.scopedasync.demo;

import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

import io.scopedasync.Exit;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * What happened while a program ran: who did what, and when.
 */
public final class Story {

	private final long start = System.nanoTime();

	private final Queue<Event> events = new ConcurrentLinkedQueue<>();

	private Story() {
	}

	/**
	 * Runs a program once per subscription.
	 * @param program the program, which notes what happens to it
	 * @return its story; an error of the program is part of it
	 */
	public static Mono<Report> of(Function<Story, Mono<?>> program) {
		return Mono.defer(() -> {
			Story story = new Story();
			return program.apply(story)
				.map((result) -> story.end(result, null))
				.switchIfEmpty(Mono.fromSupplier(() -> story.end(null, null)))
				.onErrorResume((error) -> Mono.just(story.end(null, describe(error))));
		});
	}

	public void note(String who, String what) {
		this.events.add(new Event(elapsed(), who, what));
	}

	/**
	 * Notes how a body ended, as a release is told.
	 * @param exit the exit
	 */
	public void ended(Exit exit) {
		note("body", exit.getClass().getSimpleName().toLowerCase(Locale.ROOT));
	}

	private static String describe(Throwable error) {
		return error.getClass().getSimpleName() + ": " + error.getMessage();
	}

	private long elapsed() {
		return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - this.start);
	}

	private Report end(@Nullable Object result, @Nullable String error) {
		return new Report(elapsed(), result, error, List.copyOf(this.events));
	}

	/**
	 * A program's story.
	 *
	 * @param millis how long it took
	 * @param result what the caller got; null also after an error that was suppressed
	 * @param error the error that the caller got
	 * @param events what happened
	 */
	public record Report(long millis, @Nullable Object result, @Nullable String error, List<Event> events) {
	}

	/**
	 * One thing that happened.
	 *
	 * @param at milliseconds since the start
	 * @param who who did it
	 * @param what what was done
	 */
	public record Event(long at, String who, String what) {
	}

}
