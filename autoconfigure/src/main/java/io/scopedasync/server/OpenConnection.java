package io.scopedasync.server;

import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

import io.netty.channel.Channel;
import io.netty.channel.ChannelOption;
import io.netty.util.AttributeKey;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Mono;

import io.scopedasync.Scope;

/**
 * A connection from the moment it was accepted until its channel is closed and the scopes
 * that serve it have settled.
 */
final class OpenConnection {

	private static final AttributeKey<OpenConnection> KEY = AttributeKey.valueOf(OpenConnection.class.getName());

	private final Server server;

	private final Channel channel;

	private final long openedAt;

	/** What is served now; guarded by this, as is all that follows. */
	private final Set<Exchange> exchanges = new LinkedHashSet<>();

	/** Answers that are not yet written to their end. */
	private int unwritten;

	/** Whether many exchanges share the channel. */
	private boolean multiplexed;

	private boolean windingDown;

	private boolean closed;

	private boolean aborted;

	OpenConnection(Server server, Channel channel) {
		this.server = server;
		this.channel = channel;
		this.openedAt = server.clock().nanos();
	}

	/** The one that a channel, or a stream on it, belongs to. */
	static OpenConnection of(Channel channel) {
		OpenConnection connection = channel.attr(KEY).get();
		if (connection != null) {
			return connection;
		}
		OpenConnection around = channel.parent().attr(KEY).get();
		synchronized (around) {
			around.multiplexed = true;
		}
		return around;
	}

	void follow() {
		this.channel.attr(KEY).set(this);
		this.channel.closeFuture().addListener((closed) -> channelClosed());
	}

	ServerConnection seen() {
		long age = this.server.clock().nanos() - this.openedAt;
		return new ServerConnection(this.channel.remoteAddress(), Duration.ofNanos(Math.max(0, age)));
	}

	/**
	 * Serves in a scope of its own.
	 * @param handler called inside it
	 * @param written ends when the whole answer is written, null if that is when the
	 * handler ends
	 */
	Mono<Void> serve(Function<? super Scope, ? extends Publisher<Void>> handler, @Nullable Mono<Void> written) {
		ServerOptions options = this.server.options();
		return Mono.defer(() -> {
			Exchange exchange = new Exchange(this);
			if (!begin(exchange, written != null)) {
				return Mono.error(options.refusal());
			}
			if (written != null) {
				written.subscribe(null, (error) -> written(), this::written);
			}
			return options.scopes()
				.<Void>with(options.spec(),
						(scope) -> exchange.begins(scope) ? Mono.fromDirect(handler.apply(scope)) : Mono.empty())
				.doOnCancel(() -> exchange.cancel("its client has gone"))
				.doOnError((error) -> this.server.handlerFailed(error, written != null))
				.doOnTerminate(exchange::settled);
		});
	}

	private synchronized boolean begin(Exchange exchange, boolean answers) {
		if (this.windingDown || this.closed) {
			return false;
		}
		this.unwritten += answers ? 1 : 0;
		return this.exchanges.add(exchange);
	}

	void settled(Exchange exchange) {
		boolean over;
		synchronized (this) {
			this.exchanges.remove(exchange);
			over = isOver();
		}
		goOn(over);
	}

	private void written() {
		boolean over;
		synchronized (this) {
			this.unwritten--;
			over = isOver();
		}
		goOn(over);
	}

	/** Whether nothing is served and nothing will be. */
	private boolean isOver() {
		return this.exchanges.isEmpty() && this.unwritten == 0
				&& (this.windingDown || !this.server.options().keepAlive());
	}

	private void goOn(boolean over) {
		if (over) {
			this.channel.close();
		}
		leaveIfGone();
	}

	private void channelClosed() {
		List<Exchange> rest;
		synchronized (this) {
			this.closed = true;
			rest = List.copyOf(this.exchanges);
		}
		rest.forEach((exchange) -> exchange.cancel("its client has gone"));
		leaveIfGone();
	}

	private void leaveIfGone() {
		synchronized (this) {
			if (!this.closed || !(this.aborted || this.exchanges.isEmpty())) {
				return;
			}
		}
		this.server.gone(this);
	}

	/** Begins nothing any more, and closes unless something is being served. */
	void windDown() {
		boolean over;
		boolean goAway;
		synchronized (this) {
			this.windingDown = true;
			over = isOver();
			goAway = this.multiplexed;
		}
		if (over) {
			this.channel.close();
		}
		else if (goAway) {
			Handlers.goAway(this.channel);
		}
	}

	synchronized boolean isWindingDown() {
		return this.windingDown;
	}

	/** Ends what is being served; the channel is closed when that has settled. */
	void cancel(String reason) {
		List<Exchange> rest;
		synchronized (this) {
			rest = List.copyOf(this.exchanges);
		}
		rest.forEach((exchange) -> exchange.cancel(reason));
		if (rest.isEmpty()) {
			this.channel.close();
		}
	}

	/**
	 * Its scopes are no longer waited for.
	 * @return false if that was so before
	 */
	synchronized boolean giveUp() {
		boolean before = this.aborted;
		this.aborted = true;
		return !before;
	}

	/** Closes at once, with a reset instead of what is unsent. */
	void reset() {
		this.channel.eventLoop().execute(() -> {
			if (this.channel.isOpen()) {
				this.channel.config().setOption(ChannelOption.SO_LINGER, 0);
				// Past the pipeline, which may have something to say to the client first.
				this.channel.unsafe().close(this.channel.unsafe().voidPromise());
			}
			leaveIfGone();
		});
	}

}
