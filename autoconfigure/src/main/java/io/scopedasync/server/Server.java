package io.scopedasync.server;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

import io.netty.channel.Channel;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeClosedException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.netty.DisposableServer;
import reactor.netty.channel.AbortedException;

/**
 * A server that is bound: what a scope holds of a {@link ServerResource}. Safe to use
 * from any thread.
 * <p>
 * However it ends, it ends like this. It accepts nobody any more. A connection on which
 * nothing is being served, an idle one of HTTP for instance, is closed at once, any other
 * one when that is done. After the grace period what is still being served is cancelled
 * as a scope is, with all that it releases. What is still there after the abort limit is
 * reset, and listed in the log and to {@link ServerBuilder#onAbort}.
 */
public final class Server {

	private static final Logger logger = LoggerFactory.getLogger(Server.class);

	private final ServerOptions options;

	private final DisposableServer bound;

	private final Consumer<Server> whenStopped;

	private final Connections<OpenConnection> connections;

	private final Acceptor acceptor;

	private final AtomicBoolean serving = new AtomicBoolean();

	private final AtomicBoolean stopping = new AtomicBoolean();

	private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

	private final Disposable.Swap timer = Disposables.swap();

	private final Sinks.Empty<Void> stopped = Sinks.empty();

	Server(ServerOptions options, DisposableServer bound, Consumer<Server> whenStopped) {
		this.options = options;
		this.bound = bound;
		this.whenStopped = whenStopped;
		this.connections = new Connections<>(options.maxConnections());
		this.acceptor = new Acceptor(this, bound.channel(), this.connections);
	}

	/** To be called on the event loop that has just bound it. */
	void begin() {
		this.acceptor.install();
		channel().closeFuture().addListener((closed) -> channelClosed());
		if (!this.options.bindOnly()) {
			this.acceptor.start();
		}
	}

	/**
	 * Name of the server.
	 * @return the resource's name
	 */
	public String name() {
		return this.options.name();
	}

	/**
	 * Where the server is bound.
	 * @return the local address, with the port that was chosen where 0 was asked for
	 */
	public SocketAddress address() {
		return this.bound.address();
	}

	/**
	 * The port the server is bound to.
	 * @return the port
	 * @throws IllegalStateException if its address has none
	 */
	public int port() {
		if (address() instanceof InetSocketAddress address) {
			return address.getPort();
		}
		throw new IllegalStateException("Server '" + name() + "' has no port: it is bound to " + address() + ".");
	}

	/**
	 * Who is connected: being served, idle, or waiting for its scope to settle.
	 * @return a snapshot, oldest first
	 */
	public List<ServerConnection> connections() {
		return this.connections.snapshot().stream().map(OpenConnection::seen).toList();
	}

	/**
	 * Begins to accept connections. Does nothing if it does already.
	 * @throws ScopeClosedException once the server is stopping
	 */
	public void start() {
		if (this.stopping.get()) {
			throw this.options.refusal();
		}
		this.acceptor.start();
	}

	/**
	 * Accepts and serves, once per server: for ever, if nobody stops it.
	 * @return completes when the server has been {@link #stop() stopped} by somebody else
	 * and its last connection has gone; fails then with the error that ended it, of the
	 * socket that accepts or of a handler ({@link ServerBuilder#stopOn}). A cancel begins
	 * to stop the server, and its scope waits for the end of that. The error of a second
	 * subscription is an {@link IllegalStateException}, after a stop a
	 * {@link ScopeClosedException}
	 */
	public Mono<Void> serveForever() {
		return Mono.defer(() -> {
			start();
			if (!this.serving.compareAndSet(false, true)) {
				throw new IllegalStateException(
						"Server '" + name() + "' is serving already: call serveForever() once, and wait for that one.");
			}
			return this.stopped.asMono().then(Mono.defer(() -> {
				Throwable error = this.failure.get();
				return (error != null) ? Mono.<Void>error(error) : Mono.empty();
			})).doOnCancel(this::stop);
		});
	}

	/**
	 * Stops the server as the end of its scope does, whatever the exit: gracefully.
	 * Eager, and the same end for every caller. A scope whose body is
	 * {@link #serveForever()} ends with it.
	 * @return completes when the last connection has gone; never fails
	 */
	public Mono<Void> stop() {
		if (this.stopping.compareAndSet(false, true)) {
			// Where connections are accepted, so that each is known or never will be.
			onAcceptLoop(this::windDown);
		}
		return this.stopped.asMono();
	}

	/**
	 * Stops the server without any grace: resets every connection, also those with unsent
	 * data, and cancels what is being served. Eager. Cuts a {@link #stop()} short.
	 * @return completes when the last connection is closed; never fails
	 */
	public Mono<Void> abort() {
		Mono<Void> end = stop();
		onAcceptLoop(this::abortRest);
		return end;
	}

	private void onAcceptLoop(Runnable task) {
		try {
			this.acceptor.execute(task);
		}
		catch (RejectedExecutionException ex) {
			// Its event loops were shut down, and so nothing is open any more.
			task.run();
		}
	}

	private void windDown() {
		List<OpenConnection> open = this.connections.close();
		this.bound.dispose();
		open.forEach(OpenConnection::windDown);
		this.timer.update(clock().schedule(this::cancelRest, this.options.grace()));
		channel().closeFuture().addListener((closed) -> this.connections.whenEmpty(this::stopped));
	}

	private void cancelRest() {
		List<OpenConnection> rest = this.connections.snapshot();
		if (rest.isEmpty()) {
			return;
		}
		long grace = this.options.grace().toMillis();
		logger.info("The grace period of server '{}', {} ms, is over: cancelling {} that are still being served",
				name(), grace, rest.size());
		this.timer.update(clock().schedule(() -> onAcceptLoop(this::abortRest), this.options.abortAfter()));
		rest.forEach((connection) -> connection
			.cancel("the grace period of server '" + name() + "' (" + grace + " ms) is over"));
	}

	private void abortRest() {
		List<OpenConnection> rest = this.connections.snapshot().stream().filter(OpenConnection::giveUp).toList();
		if (rest.isEmpty()) {
			return;
		}
		List<ServerConnection> aborted = rest.stream().map(OpenConnection::seen).toList();
		logger.warn("Server '{}' resets {} that had not ended: {}", name(), aborted.size(), aborted);
		try {
			this.options.aborted().accept(aborted);
		}
		catch (Throwable ex) {
			logger.warn("Whoever is told of connections that server '{}' resets failed", name(), ex);
		}
		rest.forEach(OpenConnection::reset);
	}

	private void stopped() {
		this.timer.dispose();
		this.whenStopped.accept(this);
		this.stopped.tryEmitEmpty();
	}

	private void channelClosed() {
		if (!this.stopping.get()) {
			fail(new IOException("Server '" + name() + "' was closed from outside: its port accepts nobody any more."));
		}
	}

	/** Ends the server by itself: nobody asked for it. */
	void fail(Throwable error) {
		if (!this.stopping.get() && this.failure.compareAndSet(null, error)) {
			logger.error("Server '{}' stops after an error", name(), error);
			stop();
		}
	}

	/**
	 * A handler failed, and its connection ends with it. Clients that go away in the
	 * middle are everyday. That of a request is logged, and answered with 500, by Reactor
	 * Netty.
	 */
	void handlerFailed(Throwable error, boolean request) {
		if (!request && !(error instanceof IOException || error instanceof AbortedException
				|| error instanceof ScopeClosedException)) {
			logger.warn("A connection of server '{}' is closed after an error of its handler", name(), error);
		}
		if (this.options.stopOn().test(error)) {
			fail(error);
		}
	}

	void gone(OpenConnection connection) {
		if (this.connections.remove(connection)) {
			onAcceptLoop(this.acceptor::room);
		}
	}

	/** The one that accepts. */
	Channel channel() {
		return this.bound.channel();
	}

	int active() {
		return this.connections.size();
	}

	ServerOptions options() {
		return this.options;
	}

	ScopeClock clock() {
		return this.options.scopes().clock();
	}

	@Override
	public String toString() {
		return "server '" + name() + "' (" + address() + ", " + active() + " connected)";
	}

}
