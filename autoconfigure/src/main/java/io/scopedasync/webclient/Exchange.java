package io.scopedasync.webclient;

import java.net.URI;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Supplier;

import io.scopedasync.Scope;
import org.jspecify.annotations.Nullable;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.netty.Connection;

import org.springframework.http.HttpMethod;
import org.springframework.http.client.reactive.ClientHttpResponse;

/**
 * One request and its answer on the wire, from the first attempt to connect until the
 * last byte is read or the connection is closed: how far it is and how it ends. It ends
 * with its caller, and can be ended by its session: whatever it was doing, the end
 * follows within a bound, and the connection is then either clean and back with its
 * session or closed.
 */
abstract class Exchange extends Mono<ClientHttpResponse> {

	final Session session;

	final HttpMethod method;

	final URI uri;

	final RequestLimit limit;

	final Wires wires = new Wires(this::left);

	/** Guarded by this. */
	private Phase phase = Phase.NEW;

	/** Who reads the body, guarded by this. */
	private @Nullable BodyReader reader;

	/** For who waits for the end, guarded by this. */
	private Sinks.@Nullable Empty<Void> done;

	/** Guarded by this. */
	private @Nullable ClientHttpResponse response;

	/** Why it was ended by others than its caller, null while it was not. */
	private volatile @Nullable Supplier<? extends Throwable> reason;

	private volatile long deadline = Deadlines.NONE;

	private boolean closing;

	private volatile boolean finished;

	Exchange(Session session, HttpMethod method, URI uri, RequestLimit limit) {
		this.session = session;
		this.method = method;
		this.uri = uri;
		this.limit = limit;
	}

	/** Ends the wait for an answer. */
	abstract void giveUp(Throwable reason);

	/**
	 * What the exchange is called in errors: without query and user, which may be secret.
	 */
	final String describe() {
		String path = this.uri.getRawPath();
		String port = (this.uri.getPort() < 0) ? "" : ":" + this.uri.getPort();
		return this.method + " " + this.uri.getScheme() + "://" + this.uri.getHost() + port
				+ ((path != null) ? path : "");
	}

	final boolean belongsTo(Session session) {
		return this.session == session;
	}

	// What happens to it.

	final synchronized boolean begins() {
		boolean first = this.phase == Phase.NEW;
		if (first) {
			this.phase = Phase.CONNECTING;
		}
		return first;
	}

	final synchronized boolean isOver() {
		return this.phase == Phase.OVER;
	}

	/** Whether somebody still wants the answer that is here. */
	final synchronized boolean answers(ClientHttpResponse response) {
		if (this.phase != Phase.CONNECTING) {
			return false;
		}
		this.phase = Phase.UNREAD;
		this.response = response;
		return true;
	}

	/** Whether it ends here without an answer; else it has ended or been answered. */
	final boolean unanswered() {
		synchronized (this) {
			if (this.phase != Phase.CONNECTING) {
				return false;
			}
			this.phase = Phase.OVER;
		}
		finishIfDone();
		return true;
	}

	/** Whether the caller went away before it began to read. */
	final synchronized boolean unread() {
		boolean unread = this.phase == Phase.NEW || this.phase == Phase.CONNECTING || this.phase == Phase.UNREAD;
		if (unread) {
			this.phase = Phase.OVER;
		}
		return unread;
	}

	/**
	 * A caller asks for the body.
	 * @return whether it is the one that reads it
	 */
	final synchronized boolean reads(BodyReader reader) {
		if (this.phase != Phase.UNREAD) {
			return false;
		}
		this.phase = Phase.READING;
		this.reader = reader;
		return true;
	}

	/** Why there is nothing to read any more, null if there may be. */
	final @Nullable Throwable endedBecause() {
		Supplier<? extends Throwable> reason = this.reason;
		return (reason != null) ? reason.get() : null;
	}

	/** Nobody wants anything any more. */
	final void over() {
		synchronized (this) {
			this.phase = Phase.OVER;
		}
		finishIfDone();
	}

	/**
	 * Tells a caller how its exchange ended. One that has passed a limit is over for its
	 * scope too, whatever the operators in between wait for.
	 */
	static void fail(CoreSubscriber<?> caller, Throwable error) {
		caller.onError(error);
		if (error instanceof SessionTimeoutException) {
			Scope scope = caller.currentContext().getOrDefault(Scope.class, null);
			if (scope != null) {
				scope.readAhead();
			}
		}
	}

	final Throwable translate(Throwable error) {
		return this.session.translate(describe(), error);
	}

	// The end.

	/**
	 * Ends the exchange, if it goes on.
	 * @param reason what a caller gets who still waits for the answer or reads it
	 * @param drain whether an answer that nobody began to read may be read to its end, to
	 * keep the connection
	 * @return completes once the wire is free or closed
	 */
	final Mono<Void> stop(Supplier<? extends Throwable> reason, boolean drain) {
		Phase before;
		BodyReader reader;
		Mono<Void> end;
		synchronized (this) {
			if (this.finished) {
				return Mono.empty();
			}
			if (this.done == null) {
				this.done = Sinks.empty();
			}
			end = this.done.asMono();
			if (this.reason != null) {
				return end;
			}
			this.reason = reason;
			before = this.phase;
			if (before == Phase.UNREAD) {
				this.phase = Phase.DRAINING;
				this.reader = new Drain(drain ? Drain.ENOUGH : 0, this::drained);
			}
			else if (before == Phase.CONNECTING) {
				this.phase = Phase.OVER;
			}
			reader = this.reader;
		}
		setDeadline(this.session.drainTimeout());
		switch (before) {
			case CONNECTING -> {
				giveUp(reason.get());
				finishIfDone();
			}
			case UNREAD -> ((Drain) Objects.requireNonNull(reader)).subscribeTo(Objects.requireNonNull(this.response));
			case READING -> Objects.requireNonNull(reader).cut();
			// Either its caller has read it, and then it has left the wire before the
			// close comes; or its caller has gone, and then nothing is left to wait for.
			case OVER -> this.wires.close(this::finishIfDone);
			default -> {
				// Not begun, or the wire is being freed already.
			}
		}
		return end;
	}

	private void drained(boolean hadBody) {
		if (hadBody) {
			this.session.unreadBody(describe());
		}
		over();
	}

	private void left(Connection wire) {
		if (this.reason == null) {
			finishIfDone();
		}
		else {
			// Somebody waits for the end. One step later the connection is back in its
			// pool, where the next request finds it.
			Wires.onItsThread(wire, this::finishIfDone);
		}
	}

	/** What takes too long is ended, then closed, then given up. */
	final void overdue() {
		boolean stopped;
		boolean closed;
		BodyReader reader;
		synchronized (this) {
			stopped = this.reason != null;
			closed = this.closing;
			this.closing = stopped;
			reader = this.reader;
		}
		if (!stopped) {
			stop(() -> this.limit.error(this.session.name(), describe()), false);
		}
		else if (!closed) {
			setDeadline(this.session.drainTimeout());
			if (reader != null) {
				reader.cut();
			}
			this.wires.close(this::finishIfDone);
		}
		else if (!this.finished) {
			// Only a blocked event loop leads here.
			this.session.invalidate();
			finish();
		}
	}

	final long deadline() {
		return this.deadline;
	}

	final void setDeadline(Duration delay) {
		Deadlines deadlines = this.session.deadlines();
		this.deadline = deadlines.in(delay);
		deadlines.watch(this);
	}

	final void finishIfDone() {
		synchronized (this) {
			if (this.phase != Phase.OVER || !this.wires.isEmpty()) {
				return;
			}
		}
		finish();
	}

	private void finish() {
		Sinks.Empty<Void> done;
		synchronized (this) {
			if (this.finished) {
				return;
			}
			this.finished = true;
			done = this.done;
		}
		this.session.finished(this);
		if (done != null) {
			done.tryEmitEmpty();
		}
	}

	private enum Phase {

		/** Nobody has asked for the answer yet. */
		NEW,

		/** No answer yet. */
		CONNECTING,

		/** Headers are there, nobody asked for the body. */
		UNREAD,

		/** The caller reads the body. */
		READING,

		/** We read the body, to be rid of it. */
		DRAINING,

		/** Nobody wants anything any more. */
		OVER

	}

	/** Reads the body. */
	interface BodyReader {

		/** Stops, from any thread, at once; the connection is closed. */
		void cut();

	}

}
