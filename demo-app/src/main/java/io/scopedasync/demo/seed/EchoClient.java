package io.scopedasync.demo.seed;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

import io.scopedasync.demo.Story;
import io.netty.handler.codec.LineBasedFrameDecoder;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.netty.NettyInbound;
import reactor.netty.NettyOutbound;
import reactor.netty.tcp.TcpClient;

/**
 * Says a line every 50 ms until it has heard as many as it wants, or the server ends the
 * conversation.
 */
final class EchoClient {

	private static final Duration PAUSE = Duration.ofMillis(50);

	private final int lines;

	private final Story story;

	private final AtomicInteger echoes = new AtomicInteger();

	private final Sinks.Empty<Void> answered = Sinks.empty();

	private final Sinks.Empty<Void> gone = Sinks.empty();

	EchoClient(int lines, Story story) {
		this.lines = lines;
		this.story = story;
	}

	/**
	 * Connects and begins to talk.
	 * @param port where the server listens
	 * @return completes with the first line that came back; the conversation goes on
	 */
	Mono<Void> talkTo(int port) {
		return TcpClient.create()
			.host("127.0.0.1")
			.port(port)
			.doOnConnected(
					(connection) -> connection.addHandlerLast(new LineBasedFrameDecoder(EchoServer.LONGEST_LINE)))
			.doOnDisconnected((connection) -> {
				this.story.note("client", "gone");
				this.gone.tryEmitEmpty();
			})
			.handle(this::converse)
			.connect()
			.doOnNext((connection) -> this.story.note("client", "connected"))
			.then(this.answered.asMono());
	}

	private Publisher<Void> converse(NettyInbound in, NettyOutbound out) {
		Flux<String> heard = in.receive().asString().take(this.lines).doOnNext((line) -> {
			this.story.note("client", "heard: " + line);
			this.echoes.incrementAndGet();
			this.answered.tryEmitEmpty();
		});
		return out.sendString(Flux.interval(Duration.ZERO, PAUSE)
			.map((number) -> "line " + number + "\n")
			.takeUntilOther(heard.ignoreElements()));
	}

	/**
	 * The end of the conversation, whoever ended it.
	 * @return how many lines came back
	 */
	Mono<Integer> echoes() {
		return this.gone.asMono().then(Mono.fromSupplier(this.echoes::get));
	}

}
