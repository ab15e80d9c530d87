package io.scopedasync.server;

import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;

import io.netty.channel.Channel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.MaxMessagesRecvByteBufAllocator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The first handler of the channel that accepts: knows every connection before anybody
 * else does, and decides when to accept. All of it on that channel's event loop.
 * <p>
 * Reactor Netty's own handler, which comes next, would stop accepting for a second after
 * any error at all and tell nobody, so errors end here.
 */
final class Acceptor extends ChannelInboundHandlerAdapter {

	/** How long nothing is accepted after an error. */
	static final Duration PAUSE = Duration.ofSeconds(1);

	private static final Logger logger = LoggerFactory.getLogger(Server.class);

	private final Server server;

	private final Channel channel;

	private final Connections<OpenConnection> connections;

	private boolean started;

	private boolean paused;

	/** Whether nothing was accepted since the last error. */
	private boolean overloaded;

	Acceptor(Server server, Channel channel, Connections<OpenConnection> connections) {
		this.server = server;
		this.channel = channel;
		this.connections = connections;
	}

	/**
	 * To be called as soon as the channel is bound, before it reads for the first time.
	 */
	void install() {
		ChannelConfig config = this.channel.config();
		if (config.getRecvByteBufAllocator() instanceof MaxMessagesRecvByteBufAllocator allocator) {
			// One by one, so that there are never more than allowed.
			allocator.maxMessagesPerRead(1);
		}
		look();
		this.channel.pipeline().addFirst(this);
	}

	void start() {
		execute(() -> {
			this.started = true;
			look();
		});
	}

	/** There is room for another one. */
	void room() {
		execute(this::look);
	}

	private void look() {
		this.channel.config().setAutoRead(this.started && !this.paused && !this.connections.isFull());
	}

	void execute(Runnable task) {
		if (this.channel.eventLoop().inEventLoop()) {
			task.run();
		}
		else {
			this.channel.eventLoop().execute(task);
		}
	}

	@Override
	public void channelRead(ChannelHandlerContext context, Object message) {
		Channel accepted = (Channel) message;
		OpenConnection connection = new OpenConnection(this.server, accepted);
		if (!this.connections.add(connection)) {
			accepted.unsafe().closeForcibly();
			return;
		}
		connection.follow();
		if (this.overloaded) {
			this.overloaded = false;
			logger.info("Server '{}' accepts connections again", this.server.name());
		}
		if (this.connections.isFull()) {
			look();
		}
		context.fireChannelRead(message);
	}

	/**
	 * Of the errors that the system has for who accepts, those that are not about the
	 * listening socket itself: too many open files, no memory, a client that has gone
	 * already. Their texts depend on the system's language.
	 */
	@Override
	public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
		if (!(cause instanceof IOException) || cause instanceof ClosedChannelException || !this.channel.isOpen()) {
			this.server.fail(cause);
			return;
		}
		if (!this.overloaded) {
			this.overloaded = true;
			logger.warn(
					"Server '{}' could not accept a connection and tries again every {} ms. With too many open files, "
							+ "raise the system's limit or lower the server's max connections ({} are open).",
					this.server.name(), PAUSE.toMillis(), this.connections.size(), cause);
		}
		if (!this.paused) {
			this.paused = true;
			look();
			this.server.clock().schedule(() -> execute(this::resume), PAUSE);
		}
	}

	private void resume() {
		this.paused = false;
		look();
	}

}
