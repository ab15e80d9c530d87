package io.scopedasync.demo.gallery;

import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * Something that the application holds from its start to its end.
 */
@Component
class LifespanExhibit implements Exhibit {

	private final AsyncScopes scopes;

	private final GuestBook book;

	LifespanExhibit(AsyncScopes scopes, GuestBook book) {
		this.scopes = scopes;
		this.book = book;
	}

	@Override
	public String member() {
		return "lifespan";
	}

	@Override
	public String description() {
		return "a resource that was acquired while the application started: held in no scope, joined in a scope, "
				+ "acquired anew by who asks for a fresh one";
	}

	@Override
	public Mono<?> show(Story story) {
		Mono<String> outside = this.book.held()
			.map(GuestBook.Pages::sign)
			.doOnNext((signed) -> story.note("in no scope", signed));
		Mono<String> joined = this.scopes.use(this.book, (pages) -> {
			story.note("in a scope", pages.sign());
			return Mono.just("joined volume " + pages.volume());
		});
		Mono<String> fresh = this.scopes.use(this.book.fresh(), (pages) -> {
			story.note("in a scope with a fresh one", pages.sign());
			return Mono.just("opened volume " + pages.volume());
		});
		return outside.then(joined).zipWhen((volume) -> fresh, (one, other) -> one + ", " + other);
	}

}
