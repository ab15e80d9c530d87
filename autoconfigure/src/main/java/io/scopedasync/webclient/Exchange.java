package io.scopedasync.webclient;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.publisher.SynchronousSink;
import reactor.netty.Connection;
import reactor.netty.http.client.HttpClientInfos;

import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.http.HttpCookie;
import org.springframework.http.HttpMethod;
import org.springframework.http.client.reactive.ClientHttpConnector;
import org.springframework.http.client.reactive.ClientHttpRequest;
import org.springframework.http.client.reactive.ClientHttpResponse;

/**
 * One request and its answer on the wire, from the first attempt to connect until the
 * last byte is read or the connection is closed. It ends with its caller, and can be
 * ended by its session: whatever it was doing, {@link #done} follows within a bound, and
 * the connection is then either clean and back with its session or closed.
 */
final class Exchange {

	private final Session session;

	private final HttpMethod method;

	private final URI uri;

	/**
	 * Ends the wait for an answer. Not used once it is there: a cancel then would read a
	 * body to an end that may not come.
	 */
	private final Sinks.Empty<Void> unwanted = Sinks.empty();

	/** Ends the reading of the body. */
	private final Sinks.Empty<Void> cut = Sinks.empty();

	private final Sinks.Empty<Void> done = Sinks.empty();

	private final Wires wires = new Wires(this::left);

	private Phase phase = Phase.CONNECTING;

	private volatile @Nullable ClientHttpResponse response;

	private volatile URI at;

	private volatile @Nullable Connection last;

	/** Why it was ended by others than its caller, null while it was not. */
	private volatile @Nullable Supplier<? extends Throwable> reason;

	private final RequestLimit limit;

	private volatile long deadline;

	private boolean closing;

	private volatile boolean finished;

	Exchange(Session session, HttpMethod method, URI uri, RequestLimit limit) {
		this.session = session;
		this.limit = limit;
		this.method = method;
		this.uri = uri;
		this.at = uri;
	}

	/**
	 * What the exchange is called in errors: without query and user, which may be secret.
	 */
	String describe() {
		String path = this.uri.getRawPath();
		String port = (this.uri.getPort() < 0) ? "" : ":" + this.uri.getPort();
		return this.method + " " + this.uri.getScheme() + "://" + this.uri.getHost() + port
				+ ((path != null) ? path : "");
	}

	/**
	 * Sends the request.
	 * @param connector where to
	 * @param callback writes it
	 * @return the answer
	 */
	Mono<ClientHttpResponse> run(ClientHttpConnector connector,
			Function<? super ClientHttpRequest, Mono<Void>> callback) {
		setDeadline(this.limit.end());
		return Mono.defer(() -> connector.connect(this.method, this.uri, (request) -> send(request, callback)))
			.doOnCancel(this::cancelled)
			.doOnError((error) -> unanswered())
			.onErrorMap(this::translate)
			.handle(this::answered)
			// Completing, not failing: a failing companion would leave the request
			// running.
			.takeUntilOther(this.unwanted.asMono())
			.switchIfEmpty(Mono.error(this::reason));
	}

	/** Called for each hop of a redirect, with what is asked in that hop. */
	private Mono<Void> send(ClientHttpRequest request, Function<? super ClientHttpRequest, Mono<Void>> callback) {
		Object hop = request.getNativeRequest();
		if (this.last != null && hop instanceof HttpClientInfos infos && infos.resourceUrl() != null) {
			this.at = URI.create(infos.resourceUrl());
		}
		if (hop instanceof Connection wire) {
			attach(wire);
		}
		List<CookieJar.Entry> cookies = this.session.cookies(this.at);
		if (!cookies.isEmpty()) {
			request.beforeCommit(() -> Mono.fromRunnable(() -> addCookies(request, cookies)));
		}
		return callback.apply(request);
	}

	private static void addCookies(ClientHttpRequest request, List<CookieJar.Entry> cookies) {
		for (CookieJar.Entry cookie : cookies) {
			// What the caller says himself goes before what the session remembers.
			if (!request.getCookies().containsKey(cookie.name())) {
				request.getCookies().add(cookie.name(), new HttpCookie(cookie.name(), cookie.value()));
			}
		}
	}

	private void attach(Connection wire) {
		this.last = wire;
		this.wires.add(wire);
		boolean late;
		synchronized (this) {
			late = this.phase == Phase.OVER;
		}
		if (late) {
			this.wires.close();
		}
	}

	private void left() {
		Connection wire = this.last;
		if (this.reason == null || wire == null) {
			finishIfDone();
			return;
		}
		// Somebody waits for the end. One step later the connection is back in its pool,
		// where the next request finds it.
		Wires.onItsThread(wire, this::finishIfDone);
	}

	private void answered(ClientHttpResponse response, SynchronousSink<ClientHttpResponse> sink) {
		boolean late;
		synchronized (this) {
			late = this.reason != null;
			this.phase = late ? Phase.DRAINING : Phase.UNREAD;
			this.response = response;
		}
		this.session.answered(this.at, response);
		if (late) {
			drain(response, 0);
			sink.error(reason());
		}
		else {
			sink.next(new SessionResponse(response, this::read));
		}
	}

	/** The connector then throws away by itself what nobody has begun to read. */
	private void cancelled() {
		synchronized (this) {
			if (this.phase == Phase.UNREAD) {
				this.phase = Phase.OVER;
			}
		}
		unanswered();
	}

	private void unanswered() {
		synchronized (this) {
			if (this.phase == Phase.CONNECTING) {
				this.phase = Phase.OVER;
			}
		}
		finishIfDone();
	}

	private Flux<DataBuffer> read(ClientHttpResponse response) {
		synchronized (this) {
			if (this.reason != null) {
				// Only to one who asks: a caller that has gone would have it in the log.
				return Flux.error(reason(), true);
			}
			if (this.phase == Phase.UNREAD) {
				this.phase = Phase.READING;
			}
		}
		return response.getBody()
			.onErrorMap(this::translate)
			.takeUntilOther(this.cut.asMono())
			.concatWith(Mono.defer(() -> (this.reason != null) ? Mono.error(reason()) : Mono.empty()))
			.doFinally((signal) -> over());
	}

	private void over() {
		synchronized (this) {
			this.phase = Phase.OVER;
		}
		finishIfDone();
	}

	/**
	 * Ends the exchange, if it goes on.
	 * @param reason what a caller gets who still waits for the answer or reads it
	 * @param drain whether an answer that nobody began to read may be read to its end, to
	 * keep the connection
	 * @return completes once the wire is free or closed
	 */
	Mono<Void> stop(Supplier<? extends Throwable> reason, boolean drain) {
		Phase before;
		synchronized (this) {
			if (this.reason != null) {
				return this.done.asMono();
			}
			this.reason = reason;
			before = this.phase;
			if (before == Phase.UNREAD) {
				this.phase = Phase.DRAINING;
			}
		}
		setDeadline(this.session.drainTimeout());
		ClientHttpResponse unread = this.response;
		switch (before) {
			case CONNECTING -> this.unwanted.tryEmitEmpty();
			case READING -> this.cut.tryEmitEmpty();
			case UNREAD -> drain(Objects.requireNonNull(unread), drain ? Drain.ENOUGH : 0);
			// Either its caller has read it, and then it has left the wire before the
			// close comes; or its caller has gone, and then nothing is left to wait for.
			case OVER -> this.wires.close();
			case DRAINING -> {
				// The wire is being freed already.
			}
		}
		return this.done.asMono();
	}

	private void drain(ClientHttpResponse unread, int limit) {
		Drain.run(unread, limit, this.cut.asMono(), (hadBody) -> {
			if (hadBody) {
				this.session.unreadBody(describe());
			}
			over();
		});
	}

	/** What takes too long is ended, then closed, then given up. */
	void overdue() {
		boolean stopped;
		boolean closed;
		synchronized (this) {
			stopped = this.reason != null;
			closed = this.closing;
			this.closing = stopped;
		}
		if (!stopped) {
			stop(() -> this.limit.error(this.session.name(), describe()), false);
		}
		else if (!closed) {
			setDeadline(this.session.drainTimeout());
			this.cut.tryEmitEmpty();
			this.wires.close();
		}
		else if (!this.finished) {
			// Only a blocked event loop leads here.
			this.session.invalidate();
			finish();
		}
	}

	long deadline() {
		return this.deadline;
	}

	private void setDeadline(Duration delay) {
		Deadlines deadlines = this.session.deadlines();
		this.deadline = deadlines.in(delay);
		deadlines.watch(this);
		if (this.finished) {
			// After being added, so that either this or the finish removes it.
			deadlines.forget(this);
		}
	}

	private void finishIfDone() {
		synchronized (this) {
			if (this.phase != Phase.OVER || !this.wires.isEmpty()) {
				return;
			}
		}
		finish();
	}

	private void finish() {
		this.finished = true;
		this.session.finished(this);
		this.done.tryEmitEmpty();
	}

	private Throwable reason() {
		Supplier<? extends Throwable> ended = this.reason;
		return (ended != null) ? ended.get() : new IllegalStateException(describe() + " ended without an answer");
	}

	private Throwable translate(Throwable error) {
		return this.session.translate(describe(), error);
	}

	private enum Phase {

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

}
