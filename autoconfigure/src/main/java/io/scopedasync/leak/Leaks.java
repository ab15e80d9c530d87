package io.scopedasync.leak;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where every leak is reported: counts it, logs the first of each site as a warning and
 * further ones at debug level, and tells the listeners. A site is a reason and a name.
 * Remembers the {@value #MAX_SITES} latest sites, {@value LeakSite#KEPT} leaks of each,
 * the {@value #MAX_EVENTS} latest events, and the suspects that are open still. Safe to
 * use from any thread.
 */
public final class Leaks {

	static final int MAX_SITES = 1000;

	static final int MAX_EVENTS = 256;

	private static final int LISTED_AT_CLOSE = 100;

	private static final Logger logger = LoggerFactory.getLogger(Leaks.class);

	private final List<LeakListener> listeners;

	private final AtomicLongArray counts = new AtomicLongArray(LeakReason.values().length);

	private final LongAdder recovered = new LongAdder();

	/** Overdue and open still, by the scope's number. */
	private final Map<Long, Leak> suspects = new ConcurrentHashMap<>();

	/** The latest first; guarded by the sites. */
	private final Deque<LeakEvent> events = new ArrayDeque<>();

	/** Least recently reported first; guarded by itself. */
	private final Map<String, Site> sites = new LinkedHashMap<>(16, 0.75f, true) {

		private static final long serialVersionUID = 1L;

		@Override
		protected boolean removeEldestEntry(Map.Entry<String, Site> eldest) {
			return size() > MAX_SITES;
		}

	};

	/**
	 * Creates the place to report to.
	 * @param listeners told of every leak, in this order
	 */
	public Leaks(List<LeakListener> listeners) {
		this.listeners = List.copyOf(listeners);
	}

	/**
	 * Reports a leak.
	 * @param leak the leak
	 * @param advice what to do about it, for the log
	 */
	public void report(Leak leak, String advice) {
		this.counts.incrementAndGet(leak.reason().ordinal());
		if (leak.reason() == LeakReason.OVERDUE) {
			this.suspects.put(leak.id(), leak);
		}
		else if (leak.reason() == LeakReason.LOST) {
			this.suspects.remove(leak.id());
		}
		long nth;
		synchronized (this.sites) {
			nth = site(leak).add(leak, advice);
			note(LeakEvent.of(leak, leak.age(), false));
		}
		if (nth == 1) {
			logger.atWarn()
				.addKeyValue("scopedAsync.reason", leak.reason().tag())
				.addKeyValue("scopedAsync.scope", leak.scope())
				.addKeyValue("scopedAsync.ageMillis", leak.age().toMillis())
				.setCause(leak.origin())
				.log("Leak ({}): scope {}. {} Further ones of this name are counted in the meter "
						+ "scoped.async.leaks (reason {}) and logged at debug level.", leak.reason(), leak, advice,
						leak.reason());
		}
		else {
			logger.debug("Leak ({}), number {} of this name: scope {}", leak.reason(), nth, leak);
		}
		tell((listener) -> listener.leaked(leak));
	}

	/**
	 * Reports that a scope reported as {@link LeakReason#OVERDUE} ended after all.
	 * @param leak as it was reported
	 * @param age how long it was open
	 */
	public void recovered(Leak leak, Duration age) {
		this.recovered.increment();
		this.suspects.remove(leak.id());
		long nth;
		synchronized (this.sites) {
			nth = ++site(leak).recovered;
			note(LeakEvent.of(leak, age, true));
		}
		if (nth == 1) {
			logger.info("Recovered: scope '{}', reported as {}, ended after about {}", leak.scope(), leak.reason(),
					Leak.text(age));
		}
		else {
			logger.debug("Recovered, number {} of this name: scope '{}', reported as {}, ended after about {}", nth,
					leak.scope(), leak.reason(), Leak.text(age));
		}
		tell((listener) -> listener.recovered(leak, age));
	}

	/**
	 * Reports the end of the application's scopes. Always logged, since meters may be
	 * closed by then.
	 * @param forced the scopes that were ended by force, with reason
	 * {@link LeakReason#AT_CLOSE}; empty after a clean end
	 */
	public void reportAtClose(List<Leak> forced) {
		if (forced.isEmpty()) {
			logger.info("All scopes closed: nothing was left open");
			return;
		}
		this.counts.addAndGet(LeakReason.AT_CLOSE.ordinal(), forced.size());
		StringBuilder list = new StringBuilder();
		for (Leak leak : forced.subList(0, Math.min(forced.size(), LISTED_AT_CLOSE))) {
			list.append(System.lineSeparator()).append("\t- ").append(leak);
		}
		int more = forced.size() - LISTED_AT_CLOSE;
		if (more > 0) {
			list.append(System.lineSeparator()).append("\t- and ").append(more).append(" more");
		}
		logger.warn(
				"Leak ({}): {} still open after the shutdown limit and ended by force. Give them a limit of their "
						+ "own, or raise scoped-async.shutdown-timeout:{}",
				LeakReason.AT_CLOSE, (forced.size() == 1) ? "1 scope was" : forced.size() + " scopes were", list);
		forced.forEach((leak) -> tell((listener) -> listener.leaked(leak)));
	}

	/**
	 * How many were reported.
	 * @param reason the reason
	 * @return the number so far
	 */
	public long count(LeakReason reason) {
		return this.counts.get(reason.ordinal());
	}

	/**
	 * How many scopes ended after they had been reported.
	 * @return the number so far
	 */
	public long recovered() {
		return this.recovered.sum();
	}

	/**
	 * How many scopes have been reported as overdue and are open still.
	 * @return the number now, to the accuracy of the sweep interval
	 */
	public long open() {
		return this.suspects.size();
	}

	/**
	 * The scopes that have been reported as overdue and are open still.
	 * @return as they were reported, by the scope's {@linkplain Leak#id() number}; a copy
	 */
	public Map<Long, Leak> suspects() {
		return Map.copyOf(this.suspects);
	}

	/**
	 * What was reported, by site.
	 * @return a copy, the latest first
	 */
	public List<LeakSite> sites() {
		List<LeakSite> sites = new ArrayList<>();
		synchronized (this.sites) {
			for (Site site : this.sites.values()) {
				sites.add(0, site.view());
			}
		}
		return sites;
	}

	/**
	 * What happened lately, of all sites.
	 * @return a copy, the latest first, at most {@value #MAX_EVENTS}
	 */
	public List<LeakEvent> events() {
		synchronized (this.sites) {
			return List.copyOf(this.events);
		}
	}

	/**
	 * Forgets all sites, so that the next leak of each is logged as the first, and all
	 * events. The counts and the suspects stay.
	 */
	public void clear() {
		synchronized (this.sites) {
			this.sites.clear();
			this.events.clear();
		}
	}

	private void note(LeakEvent event) {
		if (this.events.size() == MAX_EVENTS) {
			this.events.removeLast();
		}
		this.events.addFirst(event);
	}

	private Site site(Leak leak) {
		return this.sites.computeIfAbsent(leak.reason().tag() + ' ' + leak.scope(), (key) -> new Site(leak));
	}

	private void tell(Consumer<LeakListener> event) {
		for (LeakListener listener : this.listeners) {
			try {
				event.accept(listener);
			}
			catch (Throwable ex) {
				logger.warn("Leak listener {} failed", listener.getClass().getName(), ex);
			}
		}
	}

	private static final class Site {

		private final LeakReason reason;

		private final String name;

		private long reported;

		private long recovered;

		private Instant last = Instant.EPOCH;

		private String advice = "";

		/** The latest, those with a call site first. */
		private final Deque<Leak> kept = new ArrayDeque<>();

		Site(Leak leak) {
			this.reason = leak.reason();
			this.name = leak.scope();
		}

		long add(Leak leak, String advice) {
			this.reported++;
			this.last = Instant.now();
			this.advice = advice;
			if (this.kept.size() == LeakSite.KEPT && leak.callSite() == null
					&& this.kept.getFirst().callSite() != null) {
				return this.reported;
			}
			if (this.kept.size() == LeakSite.KEPT) {
				this.kept.removeLast();
			}
			this.kept.addFirst(leak);
			return this.reported;
		}

		LeakSite view() {
			return new LeakSite(this.reason, this.name, this.reported, this.recovered, this.last, this.advice,
					List.copyOf(this.kept));
		}

	}

}
