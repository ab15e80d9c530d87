package io.scopedasync.webclient;

import java.net.URI;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;
import reactor.netty.Connection;
import reactor.netty.http.client.HttpClientInfos;
import reactor.util.context.Context;

import org.springframework.http.HttpMethod;
import org.springframework.http.client.reactive.ClientHttpRequest;
import org.springframework.http.client.reactive.ClientHttpResponse;

/**
 * An exchange's signals, towards its caller and from the connector. For one subscriber;
 * nothing happens before that asks for the answer.
 */
final class HttpExchange extends Exchange implements CoreSubscriber<ClientHttpResponse>, Subscription {

	private static final AtomicReferenceFieldUpdater<HttpExchange, @Nullable Subscription> UPSTREAM = AtomicReferenceFieldUpdater
		.newUpdater(HttpExchange.class, Subscription.class, "upstream");

	private final Function<? super ClientHttpRequest, Mono<Void>> callback;

	private @Nullable CoreSubscriber<? super ClientHttpResponse> actual;

	private volatile @Nullable Subscription upstream;

	/** Where the last hop went. */
	private volatile URI at;

	HttpExchange(Session session, HttpMethod method, URI uri, RequestLimit limit,
			Function<? super ClientHttpRequest, Mono<Void>> callback) {
		super(session, method, uri, limit);
		this.at = uri;
		this.callback = callback;
	}

	// Towards the caller.

	@Override
	public void subscribe(CoreSubscriber<? super ClientHttpResponse> actual) {
		this.actual = actual;
		actual.onSubscribe(this);
	}

	@Override
	public void request(long n) {
		if (Operators.validate(n) && begins()) {
			begin();
		}
	}

	private void begin() {
		boolean inTime = this.session.begun(this);
		if (isOver()) {
			// Its caller went away before the session knew of it.
			this.session.finished(this);
			return;
		}
		if (!inTime) {
			over();
			this.session.usedAfterEnd(describe());
			actual().onError(this.session.ended(describe()));
			return;
		}
		setDeadline(this.limit.end());
		// An error strategy of the caller would take errors of the network for its own.
		Mono.defer(() -> this.session.connector().connect(this.method, this.uri, this::send))
			.onErrorStop()
			.subscribe(this);
	}

	/**
	 * Of the caller, also after the answer. The connector then throws away by itself what
	 * nobody has begun to read.
	 */
	@Override
	public void cancel() {
		boolean over = unread();
		Operators.terminate(UPSTREAM, this);
		if (over) {
			finishIfDone();
		}
	}

	private CoreSubscriber<? super ClientHttpResponse> actual() {
		return Objects.requireNonNull(this.actual, "actual");
	}

	// From the connector.

	@Override
	public Context currentContext() {
		return actual().currentContext();
	}

	/** Called for each hop of a redirect, with what is asked in that hop. */
	private Mono<Void> send(ClientHttpRequest request) {
		Object hop = request.getNativeRequest();
		if (this.wires.hasHadAny() && hop instanceof HttpClientInfos infos && infos.resourceUrl() != null) {
			this.at = URI.create(infos.resourceUrl());
		}
		if (hop instanceof Connection wire) {
			attach(wire);
		}
		List<CookieJar.Entry> cookies = this.session.cookies(this.at);
		if (!cookies.isEmpty()) {
			request.beforeCommit(() -> Mono.fromRunnable(() -> CookieJar.addTo(request, cookies)));
		}
		return this.callback.apply(request);
	}

	private void attach(Connection wire) {
		this.wires.add(wire);
		if (isOver()) {
			this.wires.close(this::finishIfDone);
		}
	}

	@Override
	public void onSubscribe(Subscription subscription) {
		if (Operators.setOnce(UPSTREAM, this, subscription)) {
			subscription.request(Long.MAX_VALUE);
		}
	}

	@Override
	public void onNext(ClientHttpResponse response) {
		if (answers(response)) {
			this.session.answered(this.at, response);
			actual().onNext(new SessionResponse(response, this));
			actual().onComplete();
		}
		else {
			// Its connection is not clean: closed.
			new Drain(0, (hadBody) -> {
			}).subscribeTo(response);
		}
	}

	@Override
	public void onError(Throwable error) {
		if (unanswered()) {
			fail(actual(), translate(error));
		}
		// Else it says that its own end had consequences.
	}

	@Override
	public void onComplete() {
		if (unanswered()) {
			actual().onError(new IllegalStateException(describe() + " ended without an answer"));
		}
	}

	@Override
	void giveUp(Throwable reason) {
		Operators.terminate(UPSTREAM, this);
		fail(actual(), reason);
	}

}
