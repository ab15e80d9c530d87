package io.scopedasync.server;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

import org.jspecify.annotations.Nullable;

/**
 * A client on a plain socket, which waits for nothing longer than twenty seconds.
 */
final class Caller implements AutoCloseable {

	final Socket socket;

	private final BufferedReader in;

	Caller(int port) throws IOException {
		this.socket = new Socket(InetAddress.getLoopbackAddress(), port);
		this.socket.setSoTimeout(20_000);
		this.in = new BufferedReader(new InputStreamReader(this.socket.getInputStream(), StandardCharsets.UTF_8));
	}

	void say(String line) throws IOException {
		this.socket.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
	}

	/** A line; null at the end of the connection. */
	@Nullable String hear() throws IOException {
		return this.in.readLine();
	}

	@Nullable String ask(String line) throws IOException {
		say(line);
		return hear();
	}

	@Override
	public void close() throws IOException {
		this.socket.close();
	}

}
