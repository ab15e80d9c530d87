package io.scopedasync;

import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.jspecify.annotations.Nullable;

/**
 * Attaches errors to each other, as suppressed ones. The instances are the application's:
 * some take no suppressed errors, some are thrown by every call, some refer to each
 * other. So it is known which errors were attached here, and each attempt says whether it
 * worked: an error that was not attached has to be told to somebody else.
 */
final class Errors {

	/** How many errors are attached to one instance. */
	static final int LIMIT = 32;

	/** How many errors of a graph are looked at. */
	private static final int MOST = 1_000;

	/** How deep an attached error may be: what writes errors down is often recursive. */
	private static final int DEEPEST = 100;

	/** Guarded by the class, as each step is that changes what the others look at. */
	private static final Map<Key, Attached> ATTACHED = new HashMap<>();

	private static final ReferenceQueue<Throwable> COLLECTED = new ReferenceQueue<>();

	private Errors() {
	}

	/**
	 * Attaches an error to another one, which its caller hears.
	 * @param error what the caller hears
	 * @param other what is to be attached
	 * @return whether whoever hears the one finds the other in it; false if it takes no
	 * suppressed errors or has {@value #LIMIT} already, or if the other one leads back to
	 * it, or is too large to tell
	 */
	static synchronized boolean attach(Throwable error, Throwable other) {
		if (leadsTo(error, other, false)) {
			return true;
		}
		forgetCollected();
		Attached attached = ATTACHED.get(new Key(error, null));
		if ((attached != null && attached.count >= LIMIT) || leadsTo(other, error, true)) {
			return false;
		}
		error.addSuppressed(other);
		Throwable[] suppressed = error.getSuppressed();
		for (int i = suppressed.length - 1; i >= 0; i--) {
			if (suppressed[i] == other) {
				if (attached == null) {
					attached = new Attached();
					ATTACHED.put(new Key(error, COLLECTED), attached);
				}
				attached.count++;
				attached.places.set(i);
				return true;
			}
		}
		return false;
	}

	/** Whether one error is found in another, by cause and suppressed. */
	static boolean contains(Throwable error, Throwable other) {
		return leadsTo(error, other, false);
	}

	/**
	 * What was attached to an error and neither taken nor heard since, in that order.
	 */
	static synchronized List<Throwable> attachedTo(Throwable error) {
		List<Throwable> errors = new ArrayList<>();
		Attached attached = ATTACHED.get(new Key(error, null));
		if (attached != null) {
			Throwable[] suppressed = error.getSuppressed();
			attached.places.stream().forEach((place) -> errors.add(suppressed[place]));
		}
		return errors;
	}

	/** The same for who answers for them from now on. */
	static synchronized List<Throwable> takeFrom(Throwable error) {
		List<Throwable> errors = attachedTo(error);
		heard(error);
		return errors;
	}

	/**
	 * A caller outside any scope has heard it. What was attached is none of the next
	 * call's, should that fail with the same instance.
	 */
	static void heard(Throwable error) {
		if (error.getSuppressed().length == 0) {
			return;
		}
		synchronized (Errors.class) {
			Attached attached = ATTACHED.get(new Key(error, null));
			if (attached != null) {
				attached.places.clear();
			}
		}
	}

	/** Level by level, so that direct ones are found however large it is. */
	private static boolean leadsTo(Throwable from, Throwable sought, boolean whenTooLarge) {
		if (from == sought) {
			return true;
		}
		Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
		Deque<Throwable> level = new ArrayDeque<>();
		level.add(from);
		seen.add(from);
		for (int depth = 0; !level.isEmpty(); depth++) {
			if (seen.size() > MOST || depth > DEEPEST) {
				return whenTooLarge;
			}
			Deque<Throwable> next = new ArrayDeque<>();
			for (Throwable error : level) {
				Throwable cause = causeOf(error);
				if (cause != null && seen.add(cause)) {
					next.add(cause);
				}
				for (Throwable suppressed : error.getSuppressed()) {
					if (seen.add(suppressed)) {
						next.add(suppressed);
					}
				}
			}
			if (seen.contains(sought)) {
				return true;
			}
			level = next;
		}
		return false;
	}

	private static @Nullable Throwable causeOf(Throwable error) {
		try {
			return error.getCause();
		}
		catch (Throwable ex) {
			// The method is the application's. Without an answer there is no cause.
			return null;
		}
	}

	private static void forgetCollected() {
		for (Object key = COLLECTED.poll(); key != null; key = COLLECTED.poll()) {
			ATTACHED.remove(key);
		}
	}

	/** What one error was given here. */
	private static final class Attached {

		private int count;

		/** Where they are among its suppressed ones, which only grow. */
		private final BitSet places = new BitSet();

	}

	/** An instance, whatever it says that it equals. */
	private static final class Key extends WeakReference<Throwable> {

		private final int hash;

		Key(Throwable error, @Nullable ReferenceQueue<Throwable> queue) {
			super(error, queue);
			this.hash = System.identityHashCode(error);
		}

		@Override
		public int hashCode() {
			return this.hash;
		}

		@Override
		public boolean equals(@Nullable Object other) {
			if (this == other) {
				return true;
			}
			Throwable error = get();
			return error != null && other instanceof Key key && key.get() == error;
		}

	}

}
