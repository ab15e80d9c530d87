package io.scopedasync.webclient;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * An HTTP proxy that knows CONNECT and nothing else.
 */
final class ConnectProxy implements AutoCloseable {

	private final ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());

	private final Queue<String> asked = new ConcurrentLinkedQueue<>();

	private final Set<Socket> open = ConcurrentHashMap.newKeySet();

	ConnectProxy() throws IOException {
		run("proxy", () -> {
			while (true) {
				Socket client = this.server.accept();
				this.open.add(client);
				run("proxy client", () -> connect(client));
			}
		});
	}

	int port() {
		return this.server.getLocalPort();
	}

	/** Which hosts and ports were asked for, in order. */
	Queue<String> asked() {
		return this.asked;
	}

	private void connect(Socket client) throws IOException {
		String[] target = head(client.getInputStream()).split(" ")[1].split(":");
		this.asked.add(target[0] + ":" + target[1]);
		Socket upstream = new Socket(target[0], Integer.parseInt(target[1]));
		this.open.add(upstream);
		client.getOutputStream().write("HTTP/1.1 200 OK\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
		run("proxy up", () -> pipe(client, upstream));
		pipe(upstream, client);
	}

	private static String head(InputStream in) throws IOException {
		StringBuilder head = new StringBuilder();
		while (!head.toString().endsWith("\r\n\r\n")) {
			head.append((char) in.read());
		}
		return head.toString();
	}

	private static void pipe(Socket from, Socket to) throws IOException {
		try (from; to; InputStream in = from.getInputStream(); OutputStream out = to.getOutputStream()) {
			in.transferTo(out);
		}
	}

	private static void run(String name, Step step) {
		Thread thread = new Thread(() -> {
			try {
				step.run();
			}
			catch (IOException ex) {
				// One end was closed.
			}
		}, name);
		thread.setDaemon(true);
		thread.start();
	}

	@Override
	public void close() throws IOException {
		this.server.close();
		for (Socket socket : this.open) {
			socket.close();
		}
	}

	private interface Step {

		void run() throws IOException;

	}

}
