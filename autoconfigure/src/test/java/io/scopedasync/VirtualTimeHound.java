package io.scopedasync;

import java.util.concurrent.PriorityBlockingQueue;

import reactor.blockhound.BlockHound;
import reactor.blockhound.integration.BlockHoundIntegration;

/**
 * Virtual time keeps its timers in a queue with a lock: the test that advances it may
 * keep a reactor thread that sets one waiting for an instant. Real time does not.
 */
public final class VirtualTimeHound implements BlockHoundIntegration {

	@Override
	public void applyTo(BlockHound.Builder builder) {
		for (String method : new String[] { "offer", "poll", "peek", "remove", "size", "clear" }) {
			builder.allowBlockingCallsInside(PriorityBlockingQueue.class.getName(), method);
		}
	}

}
