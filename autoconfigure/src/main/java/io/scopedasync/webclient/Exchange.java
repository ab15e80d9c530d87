package io.scopedasync.webclient;

import java.net.URI;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.publisher.SynchronousSink;
import reactor.netty.Connection;
import reactor.netty.http.client.HttpClientInfos;

import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.core.io.buffer.DataBufferUtils;
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

	/** More than this of an answer that nobody wants is not worth a connection. */
	private static final int DRAIN_BYTES = 128 * 1024;

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

	private final Wires wires = new Wires(this::finishIfDone);

	private Phase phase = Phase.CONNECTING;

	private volatile @Nullable ClientHttpResponse response;

	private volatile URI at;

	private volatile @Nullable Throwable reason;

	private volatile @Nullable Disposable timer;

	Exchange(Session session, HttpMethod method, URI uri) {
		this.session = session;
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
	 * @param limit how long it may take
	 * @param words the limit in an error
	 * @param end when to end it
	 * @param callback writes it
	 * @return the answer
	 */
	Mono<ClientHttpResponse> run(ClientHttpConnector connector, Duration limit, String words, Duration end,
			Function<? super ClientHttpRequest, Mono<Void>> callback) {
		this.timer = this.session.clock().schedule(() -> stop(tookTooLong(limit, words), false), end);
		return Mono.defer(() -> connector.connect(this.method, this.uri, (request) -> send(request, callback)))
			.doOnCancel(this::unanswered)
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
		if (hop instanceof HttpClientInfos infos && infos.resourceUrl() != null) {
			this.at = URI.create(infos.resourceUrl());
		}
		if (hop instanceof Connection wire) {
			attach(wire);
		}
		request.beforeCommit(() -> Mono.fromRunnable(() -> addCookies(request)));
		return callback.apply(request);
	}

	private void addCookies(ClientHttpRequest request) {
		for (CookieJar.Entry cookie : this.session.cookies(this.at)) {
			// What the caller says himself goes before what the session remembers.
			if (!request.getCookies().containsKey(cookie.name())) {
				request.getCookies().add(cookie.name(), new HttpCookie(cookie.name(), cookie.value()));
			}
		}
	}

	private void attach(Connection wire) {
		this.wires.add(wire);
		boolean late;
		synchronized (this) {
			late = this.phase == Phase.OVER;
		}
		if (late) {
			this.wires.close();
		}
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
			Throwable stopReason = this.reason;
			if (stopReason != null) {
				return Flux.error(stopReason);
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
	Mono<Void> stop(Throwable reason, boolean drain) {
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
		Disposable limit = this.session.clock().schedule(this.wires::close, this.session.drainTimeout());
		this.done.asMono().subscribe(null, null, limit::dispose);
		ClientHttpResponse unread = this.response;
		switch (before) {
			case CONNECTING -> this.unwanted.tryEmitEmpty();
			case READING -> this.cut.tryEmitEmpty();
			case UNREAD -> drain(Objects.requireNonNull(unread), drain ? DRAIN_BYTES : 0);
			case DRAINING, OVER -> {
				// The wire is being freed already.
			}
		}
		return this.done.asMono();
	}

	private void drain(ClientHttpResponse unread, int limit) {
		AtomicLong bytes = new AtomicLong();
		AtomicBoolean whole = new AtomicBoolean();
		// Cancelling the rest of a body closes its connection.
		unread.getBody().doOnNext((buffer) -> {
			bytes.addAndGet(buffer.readableByteCount());
			DataBufferUtils.release(buffer);
		})
			.doOnComplete(() -> whole.set(true))
			.takeWhile((buffer) -> bytes.get() <= limit)
			.takeUntilOther(this.session.after(this.session.drainTimeout()))
			.doFinally((signal) -> {
				if (bytes.get() > 0 || !whole.get()) {
					this.session.unreadBody(describe());
				}
				over();
			})
			.subscribe(null, (error) -> {
				// Given up by its caller, whose connector reads it, until the connection
				// is closed.
			});
	}

	private void finishIfDone() {
		synchronized (this) {
			if (this.phase != Phase.OVER || !this.wires.isEmpty()) {
				return;
			}
		}
		Disposable limit = this.timer;
		if (limit != null) {
			limit.dispose();
		}
		this.session.finished(this);
		this.done.tryEmitEmpty();
	}

	private Throwable reason() {
		Throwable stopReason = this.reason;
		return (stopReason != null) ? stopReason : new IllegalStateException(describe() + " ended without an answer");
	}

	private Throwable translate(Throwable error) {
		return this.session.translate(describe(), error);
	}

	private SessionTimeoutException tookTooLong(Duration limit, String words) {
		return new SessionTimeoutException(this.session.name(), limit,
				describe() + " on session '" + this.session.name() + "' took longer than " + words
						+ ". Raise that limit, or find out why the server is slow.");
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
