package io.scopedasync.actuate;

import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

import io.scopedasync.leak.LeakReason;

/**
 * What the endpoint answers, as the page is to understand it.
 */
final class InspectorSamples {

	static final String FRAME = "com.acme.quotes.ImportJob.run(ImportJob.java:33)";

	private static final JsonMapper JSON = JsonMapper.builder().build();

	private static final List<String> STACK = List.of(FRAME,
			"org.springframework.scheduling.support.ScheduledMethodRunnable.run(ScheduledMethodRunnable.java:130)",
			"java.base/java.util.concurrent.FutureTask.runAndReset(FutureTask.java:305)",
			"java.base/java.lang.Thread.run(Thread.java:840)");

	private static final List<String> RELEASE_STACK = List.of(
			"com.acme.orders.SettlementService.settle(SettlementService.java:58)",
			"com.acme.orders.OrderController.confirm(OrderController.java:41)",
			"reactor.core.publisher.MonoFlatMap$FlatMapMain.onNext(MonoFlatMap.java:132)",
			"io.netty.util.concurrent.FastThreadLocalRunnable.run(FastThreadLocalRunnable.java:30)",
			"java.base/java.lang.Thread.run(Thread.java:840)");

	private static final String NOT_ENDED = "Its body has not ended: give it a limit (timeout of @ScopedAsync or of the "
			+ "ScopeSpec), close it if it was opened by hand, or, if it may live that long, say so with leakThreshold of "
			+ "the annotation or of a resource, or raise scoped-async.leak-detection.threshold (60 s).";

	private static final String NOT_RELEASED = "Its body has ended but a release has not: give the release a limit, "
			+ "scoped-async.release-timeout, and look what it waits for.";

	private InspectorSamples() {
	}

	/** Nothing is open and nothing was ever reported. */
	static String none() {
		return json("PT1M", resources(0, 0), 0, List.of(), leaks(0, List.of()));
	}

	/** As {@link #none()}, at level disabled. */
	static String disabled() {
		return json(null, List.of(), 1, List.of(scope(1, "QuoteService.quote", "RUNNING", 0, List.of(), null, null)),
				leaks(0, List.of()));
	}

	/** Two of seven are suspect. */
	static String seven() {
		return seven(7, 4);
	}

	static String seven(int active, int waiting) {
		List<Object> scopes = new ArrayList<>();
		scopes.add(new Open(101, "ImportJob.run", "RUNNING", "body", 754_000, null, List.of("import-lock"), Map.of(),
				"scheduling-1", "6f0c1d2ab94e7735", null, 0, true, STACK));
		scopes.add(scope(214, "ImportJob.page", "RUNNING", 5_200, List.of("quotes-limit", "quotes"), 101L, null));
		scopes.add(new Open(215, "TickerClient.fetch", "ENTERING", "waiting", 4_900, 2_100L, List.of("tenant-limit"),
				Map.of("tenant-limit", "tenant-7"), "scheduling-1", "6f0c1d2ab94e7735", 214L, 2, false, null));
		scopes.add(
				new Open(162, "SettlementService.settle", "RELEASING", "releasing", 93_000, null, List.of("connection"),
						Map.of(), "reactor-http-epoll-2", "01d7be7c5520a9f4", null, 0, true, RELEASE_STACK));
		scopes.add(scope(220, "QuoteService.quote", "RUNNING", 40_840, List.of("quotes-limit", "quotes"), null, null));
		scopes.add(scope(221, "QuoteService.quote", "RUNNING", 610, List.of("quotes-limit", "quotes"), null, null));
		scopes.add(scope(222, "QuoteService.quote", "ENTERING", 120, List.of("quotes-limit"), null, null));
		Instant now = Instant.now();
		return json("PT1M", resources(active, waiting), 7, scopes, leaks(2, List.of(
				new Site("overdue", "SettlementService.settle", 1, 0, now.minusSeconds(33), NOT_RELEASED,
						List.of(new Reported(162, 60_100, "RELEASING", List.of("connection"), List.of(),
								"reactor-http-epoll-2", "", RELEASE_STACK))),
				new Site("overdue", "ImportJob.run", 3, 2, now.minusSeconds(694), NOT_ENDED,
						List.of(new Reported(101, 60_400, "RUNNING", List.of("import-lock"), List.of(), "scheduling-1",
								"", STACK))),
				new Site("lost", "QuoteService.quote", 1, 0, now.minusSeconds(7300),
						"Nobody can end it any more, so it was ended and gave back what it held: look who forgot the "
								+ "publisher, the future or the scope itself.",
						List.of(new Reported(77, 8_000, "RUNNING", List.of("quotes-limit", "quotes"),
								List.of("ImportJob.page", "ImportJob.run"), "scheduling-1", "", null))))));
	}

	/** From one number to another, four deep each, the first ones suspect. */
	static String many(int from, int to) {
		List<Object> scopes = IntStream.rangeClosed(from, to).mapToObj((id) -> {
			long age = (to - id) * 9L;
			Long parent = (id % 4 != 0 && id > from) ? Long.valueOf(id - 1) : null;
			return (Object) new Open(id, "Service" + id % 37 + ".call", "RUNNING", "body", age, null,
					List.of("quotes-limit", "quotes"), Map.of(), "reactor-http-epoll-" + id % 4, null, parent, id % 4,
					age > 60_000, (id % 64 != 0) ? null : STACK);
		}).toList();
		int suspects = Math.max(0, scopes.size() - 6667);
		return json("PT1M", resources(10, 990), scopes.size(), scopes, leaks(suspects, List.of()));
	}

	/** The first thousand of many. */
	static String cut(long count) {
		return json("PT1M", List.of(), count,
				List.of(scope(1, "QuoteService.quote", "RUNNING", 5, List.of(), null, "")), leaks(0, List.of()));
	}

	/** Wherever a text may stand, this one stands. */
	static String everywhere(String text) {
		List<String> texts = List.of(text);
		return json("PT1M", List.of(new Resource(text, text, 1, 0, 1, 0)), 1,
				List.of(new Open(1, text, "RUNNING", text, 5, null, texts, Map.of(text, text), text, text, null, 0,
						true, texts)),
				leaks(1, List.of(new Site(text, text, 1, 0, Instant.now(), text, List.of(new Reported(1, 5, text, texts,
						texts, text, text, texts, List.of(new Member(1, text, 5, text, texts, text, true, texts))))))));
	}

	/**
	 * Two transfers and what the one holds inside, and a third that is stuck with them.
	 */
	static String deadlock() {
		return json("PT1M", resources(3, 3), 0, List.of(),
				leaks(0, List.of(new Site("deadlock", "TransferService.transfer", 1, 0, Instant.now().minusSeconds(33),
						"These waited for each other, so the youngest of them failed with a DeadlockException: acquire "
								+ "in the same order everywhere, and ask for nothing again inside of what holds it.",
						List.of(new Reported(318, 12_400, "ENTERING", List.of("account-lock", "account-lock"),
								List.of(), "reactor-http-epoll-2", "", RELEASE_STACK,
								List.of(new Member(318, "TransferService.transfer", 12_400, "reactor-http-epoll-2",
										List.of("'account-lock' (key no. 2)"),
										"'account-lock' (key no. 1), held by 'TransferService.transfer' #301", true,
										RELEASE_STACK),
										new Member(301, "TransferService.transfer", 12_950, "reactor-http-epoll-1",
												List.of("'account-lock' (key no. 1)"),
												"the scope inside it, 'AuditService.note' #322", true, null),
										new Member(322, "AuditService.note", 12_900, "reactor-http-epoll-1", List.of(),
												"'audit-limit', held by 'ImportJob.run' #77 and another one", true,
												STACK),
										new Member(77, "ImportJob.run", 61_200, "scheduling-1",
												List.of("'audit-limit'"),
												"'account-lock' (key no. 2), held by 'TransferService.transfer' #318",
												true, STACK),
										new Member(78, "ImportJob.run", 61_100, "scheduling-1",
												List.of("'audit-limit'"),
												"'account-lock' (key no. 2), held by 'TransferService.transfer' #318",
												false, null))))))));
	}

	private static Open scope(long id, String name, String state, long age, List<String> resources,
			@Nullable Long parent, @Nullable String thread) {
		String phase = "ENTERING".equals(state) ? "waiting" : "body";
		return new Open(id, name, state, phase, age, null, resources, Map.of(),
				(thread != null) ? thread : "reactor-http-epoll-" + id % 4, null, parent, 0, false, null);
	}

	private static List<Object> resources(int active, int waiting) {
		return List.of(new Resource("quotes-limit", "limiter", active, waiting, 10, 10 - active),
				new Resource("tenant-limit", "keyed-limiter", active / 3, waiting / 8, 5, 5 - active / 3),
				new Resource("quotes", "session", Math.max(0, active - 1), 0, 10, 3),
				new Resource("import-lock", "resource", Math.min(1, active), 0, 1, 1 - Math.min(1, active)));
	}

	private static Map<String, Object> leaks(int open, List<Site> sites) {
		Map<String, Long> counts = new LinkedHashMap<>();
		for (LeakReason reason : LeakReason.values()) {
			counts.put(reason.tag(),
					sites.stream().filter((site) -> site.reason().equals(reason.tag())).mapToLong(Site::count).sum());
		}
		return Map.of("counts", counts, "recovered", sites.stream().mapToLong(Site::recovered).sum(), "open", open,
				"sites", sites);
	}

	private static String json(@Nullable String threshold, List<?> resources, long count, List<?> scopes,
			Map<String, Object> leaks) {
		return JSON.writeValueAsString(new Answer(threshold, resources, new Scopes(count, scopes), leaks));
	}

	record Answer(@Nullable String threshold, List<?> resources, Scopes scopes, Map<String, Object> leaks) {

	}

	record Scopes(long count, List<?> list) {

	}

	record Resource(String name, String type, int active, int pending, int max, int idle) {

	}

	record Open(long id, String name, String state, String phase, long ageMillis, @Nullable Long remainingMillis,
			List<String> resources, Map<String, String> keys, @Nullable String thread, @Nullable String traceId,
			@Nullable Long parent, int depth, boolean suspect, @Nullable List<String> callSite) {

	}

	record Site(String reason, String name, long count, long recovered, Instant last, String advice,
			List<Reported> latest) {

	}

	record Reported(long id, long ageMillis, String state, List<String> resources, List<String> parents, String thread,
			String detail, @Nullable List<String> callSite, List<Member> deadlock) {

		Reported(long id, long ageMillis, String state, List<String> resources, List<String> parents, String thread,
				String detail, @Nullable List<String> callSite) {
			this(id, ageMillis, state, resources, parents, thread, detail, callSite, List.of());
		}

	}

	record Member(long id, String name, long ageMillis, String thread, List<String> holds, String waitsFor,
			boolean inCycle, @Nullable List<String> callSite) {

	}

}
