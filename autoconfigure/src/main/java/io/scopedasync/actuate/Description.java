package io.scopedasync.actuate;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.jspecify.annotations.Nullable;

import io.scopedasync.CallSite;
import io.scopedasync.Deadlock;
import io.scopedasync.Measured;
import io.scopedasync.Scope;
import io.scopedasync.actuate.ScopesDescriptor.EventEntry;
import io.scopedasync.actuate.ScopesDescriptor.LeakEntry;
import io.scopedasync.actuate.ScopesDescriptor.LeaksEntry;
import io.scopedasync.actuate.ScopesDescriptor.MemberEntry;
import io.scopedasync.actuate.ScopesDescriptor.OpenEntry;
import io.scopedasync.actuate.ScopesDescriptor.ResourceEntry;
import io.scopedasync.actuate.ScopesDescriptor.ScopeEntry;
import io.scopedasync.actuate.ScopesDescriptor.SiteEntry;
import io.scopedasync.leak.Leak;
import io.scopedasync.leak.LeakEvent;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.LeakSite;
import io.scopedasync.leak.Leaks;

import org.springframework.boot.actuate.endpoint.SanitizableData;
import org.springframework.boot.actuate.endpoint.Sanitizer;
import org.springframework.boot.actuate.endpoint.SanitizingFunction;

/**
 * Writes down what there is. Keys and details come from callers and may be secret: they
 * are masked unless they are to be shown.
 */
final class Description {

	private static final int FRAMES = 64;

	private final Sanitizer sanitizer;

	Description(Iterable<SanitizingFunction> sanitizingFunctions) {
		this.sanitizer = new Sanitizer(sanitizingFunctions);
	}

	ScopesDescriptor of(@Nullable String threshold, Iterable<? extends Measured> measured, List<Scope> open,
			Leaks leaks, ScopeFilter filter, boolean shown) {
		List<ResourceEntry> resources = resources(measured);
		Set<Long> suspects = leaks.suspects().keySet();
		List<ScopeEntry> list = new ArrayList<>();
		int count = 0;
		for (ScopeTree.Node node : ScopeTree.of(open)) {
			Scope.State state = node.scope().state();
			if (state != Scope.State.CLOSED && filter.accepts(node.scope(), state)) {
				count++;
				if (list.size() < filter.limit()) {
					list.add(scope(node, state, suspects, shown));
				}
			}
		}
		return new ScopesDescriptor(threshold, resources, new OpenEntry(count, list), leaks(leaks, shown));
	}

	@Nullable ScopeEntry of(long id, List<Scope> open, Leaks leaks, boolean shown) {
		for (ScopeTree.Node node : ScopeTree.of(open)) {
			Scope.State state = node.scope().state();
			if (node.scope().id() == id && state != Scope.State.CLOSED) {
				return scope(node, state, leaks.suspects().keySet(), shown);
			}
		}
		return null;
	}

	private static List<ResourceEntry> resources(Iterable<? extends Measured> measured) {
		List<ResourceEntry> resources = new ArrayList<>();
		for (Measured resource : measured) {
			Measured.Usage usage = resource.usage();
			resources.add(new ResourceEntry(resource.name(), resource.type(), usage.active(), usage.pending(),
					usage.max(), usage.idle()));
		}
		return resources;
	}

	private ScopeEntry scope(ScopeTree.Node node, Scope.State state, Set<Long> suspects, boolean shown) {
		Scope scope = node.scope();
		Map<String, String> keys = new LinkedHashMap<>();
		scope.keys().forEach((resource, key) -> keys.put(resource, value(resource, key, shown)));
		CallSite callSite = scope.callSite();
		Scope parent = node.parent();
		return new ScopeEntry(scope.id(), scope.name(), state.name(), phase(scope, state), scope.age().toMillis(),
				scope.remaining().map(Duration::toMillis).orElse(null), scope.resources(), keys, scope.thread(),
				(callSite != null) ? callSite.traceId() : null, (parent != null) ? parent.id() : null, node.depth(),
				suspects.contains(scope.id()), frames(callSite));
	}

	private static String phase(Scope scope, Scope.State state) {
		return switch (state) {
			case ENTERING -> scope.isWaiting() ? "waiting" : "acquiring";
			case RUNNING -> "body";
			case RELEASING, CLOSED -> "releasing";
		};
	}

	private LeaksEntry leaks(Leaks leaks, boolean shown) {
		Map<String, Long> counts = new LinkedHashMap<>();
		for (LeakReason reason : LeakReason.values()) {
			counts.put(reason.tag(), leaks.count(reason));
		}
		return new LeaksEntry(counts, leaks.recovered(), leaks.open(),
				leaks.sites().stream().map((site) -> site(site, shown)).toList(),
				leaks.events().stream().map(Description::event).toList());
	}

	private static EventEntry event(LeakEvent event) {
		return new EventEntry(event.at().toString(), event.reason().tag(), event.name(), event.id(),
				event.age().toMillis(), event.recovered());
	}

	private SiteEntry site(LeakSite site, boolean shown) {
		return new SiteEntry(site.reason().tag(), site.name(), site.count(), site.recovered(), site.last().toString(),
				site.advice(), site.latest().stream().map((leak) -> leak(leak, shown)).toList());
	}

	private LeakEntry leak(Leak leak, boolean shown) {
		String detail = leak.detail().isEmpty() ? "" : value(leak.scope(), leak.detail(), shown);
		return new LeakEntry(leak.id(), leak.age().toMillis(), leak.state().name(), leak.resources(), leak.parents(),
				leak.thread(), detail, frames(leak.callSite()),
				leak.deadlock().stream().map(Description::member).toList());
	}

	private static MemberEntry member(Deadlock.Member member) {
		return new MemberEntry(member.id(), member.scope(), member.age().toMillis(), member.thread(), member.holds(),
				member.waitsFor(), member.inCycle(), frames(member.callSite()));
	}

	private String value(String name, String value, boolean shown) {
		return String.valueOf(this.sanitizer.sanitize(new SanitizableData(null, name, value), shown));
	}

	private static @Nullable List<String> frames(@Nullable CallSite callSite) {
		return (callSite != null)
				? Arrays.stream(callSite.getStackTrace()).limit(FRAMES).map(StackTraceElement::toString).toList()
				: null;
	}

}
