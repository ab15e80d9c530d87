package io.scopedasync.interceptor;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

import io.reactivex.rxjava3.core.Completable;
import io.reactivex.rxjava3.core.Flowable;
import io.reactivex.rxjava3.core.Maybe;
import io.reactivex.rxjava3.core.Observable;
import io.reactivex.rxjava3.core.Single;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import reactor.adapter.JdkFlowAdapter;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

import io.scopedasync.AsyncResource;
import io.scopedasync.Case;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.autoconfigure.ScopedAsyncAutoConfiguration;

import org.springframework.boot.autoconfigure.aop.AopAutoConfiguration;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Every kind of result: the method runs between acquisition and release, and its result
 * and error arrive after the latter.
 */
class ReturnTypeTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private AnnotationConfigApplicationContext context;

	private Methods methods;

	private Journal journal;

	@BeforeEach
	void start() {
		this.context = new AnnotationConfigApplicationContext();
		this.context.register(Beans.class, AopAutoConfiguration.class, ScopedAsyncAutoConfiguration.class);
		this.context.refresh();
		this.methods = this.context.getBean(Methods.class);
		this.journal = this.context.getBean(Journal.class);
	}

	@AfterEach
	void stop() {
		this.context.close();
	}

	@Test
	void mono() {
		deferred(this.methods::mono, (mono) -> mono.block(LIMIT));
	}

	@Test
	void flux() {
		deferred(this.methods::flux, (flux) -> flux.blockLast(LIMIT));
	}

	@Test
	void publisher() {
		deferred(this.methods::publisher, (publisher) -> Flux.from(publisher).blockLast(LIMIT));
	}

	@Test
	void flowPublisher() {
		deferred(this.methods::flowPublisher,
				(publisher) -> JdkFlowAdapter.flowPublisherToFlux(publisher).blockLast(LIMIT));
	}

	@Test
	void single() {
		deferred(this.methods::single, Single::blockingGet);
	}

	@Test
	void maybe() {
		deferred(this.methods::maybe, Maybe::blockingGet);
	}

	@Test
	void completable() {
		deferred(this.methods::completable, (completable) -> {
			completable.blockingAwait();
			return "value";
		});
	}

	@Test
	void flowable() {
		deferred(this.methods::flowable, Flowable::blockingLast);
	}

	@Test
	void observable() {
		deferred(this.methods::observable, Observable::blockingLast);
	}

	@Test
	void uni() {
		deferred(this.methods::uni, (uni) -> uni.await().atMost(LIMIT));
	}

	@Test
	void multi() {
		deferred(this.methods::multi, (multi) -> multi.collect().last().await().atMost(LIMIT));
	}

	@Test
	@Case(55)
	void whoStopsListeningCancelsTheBodyAndThenReleases() {
		List<Runnable> stops = List.of(this.methods.never().subscribe()::dispose,
				this.methods.neverFlux().subscribe()::dispose, this.methods.neverSingle().subscribe()::dispose,
				this.methods.neverFlowable().subscribe()::dispose, this.methods.neverObservable().subscribe()::dispose,
				this.methods.neverUni().subscribe().with((value) -> {
				})::cancel, this.methods.neverMulti().subscribe().with((value) -> {
				})::cancel);
		assertThat(this.journal.entries()).hasSize(stops.size()).containsOnly("acquire a");
		stops.forEach(Runnable::run);
		List<String> ends = this.journal.entries().subList(stops.size(), this.journal.entries().size());
		assertThat(ends).hasSize(2 * stops.size());
		for (int i = 0; i < ends.size(); i += 2) {
			assertThat(ends.get(i)).isEqualTo("body cancelled");
			assertThat(ends.get(i + 1)).startsWith("release a cancelled");
		}
	}

	@Test
	void future() throws Exception {
		assertThat(this.methods.future(null).get(30, TimeUnit.SECONDS)).isEqualTo("value");
		scopedOnce("completed");
		IOException error = new IOException("broken");
		assertThatExceptionOfType(CompletionException.class)
			.isThrownBy(() -> this.methods.future(error).orTimeout(30, TimeUnit.SECONDS).join())
			.havingCause()
			.isSameAs(error);
		assertThat(this.journal.entries()).last().isEqualTo("release a failed: java.io.IOException: broken");
	}

	@Test
	@Case(78)
	void futureThatTheCallerCancels() {
		CompletableFuture<String> body = new CompletableFuture<>();
		CompletableFuture<String> result = this.methods.pending(body);
		assertThat(result.cancel(true)).isTrue();
		assertThat(body).isCancelled();
		assertThat(this.journal.entries()).last().asString().startsWith("release a cancelled");
	}

	@Test
	void futureWhoseMethodThrows() throws IOException {
		IOException error = new IOException("broken");
		assertThat(this.methods.futureThrowing(error)).failsWithin(LIMIT)
			.withThrowableThat()
			.havingCause()
			.isSameAs(error);
	}

	@Test
	void completionStage() {
		assertThat(this.methods.completionStage().toCompletableFuture()).succeedsWithin(LIMIT).isEqualTo("value");
		scopedOnce("completed");
	}

	@Test
	void plainValue() {
		assertThat(this.methods.blocking(null)).isEqualTo("value");
		scopedOnce("completed");
	}

	@Test
	void primitiveAndVoidAndNull() {
		assertThat(this.methods.primitive()).isEqualTo(42);
		this.methods.nothing();
		assertThat(this.methods.nullValue()).isNull();
		assertThat(this.journal.entries()).hasSize(9);
	}

	@Test
	void checkedExceptionAndErrorOfAPlainMethod() {
		IOException checked = new IOException("checked");
		assertThatExceptionOfType(IOException.class).isThrownBy(() -> this.methods.blocking(checked))
			.satisfies((actual) -> assertThat(actual).isSameAs(checked));
		AssertionError error = new AssertionError("error");
		assertThatExceptionOfType(AssertionError.class).isThrownBy(() -> this.methods.blocking(error))
			.satisfies((actual) -> assertThat(actual).isSameAs(error));
		Throwable throwable = new Throwable("neither");
		assertThatExceptionOfType(Throwable.class).isThrownBy(() -> this.methods.blocking(throwable))
			.satisfies((actual) -> assertThat(actual).isSameAs(throwable));
		assertThat(this.journal.entries()).last().asString().startsWith("release a failed");
	}

	@Test
	@Case(120)
	void plainMethodOnAThreadThatMustNotBlock() {
		assertThatIllegalStateException().isThrownBy(
				() -> Mono.fromCallable(() -> this.methods.primitive()).subscribeOn(Schedulers.parallel()).block(LIMIT))
			.withMessageContaining("Methods.primitive")
			.withMessageContaining("parallel");
		assertThat(this.journal.entries()).isEmpty();
	}

	@Test
	void anObjectThatIsAPlainValue() {
		assertThat(this.methods.anything("value")).isEqualTo("value");
	}

	@Test
	void anObjectThatTurnsOutToBeReactive() {
		assertThatIllegalStateException().isThrownBy(() -> this.methods.anything(Mono.just("value")))
			.withMessageContaining("Methods.anything(Object)")
			.withMessageContaining("declare the type");
	}

	@Test
	@Case(18)
	void nullInsteadOfAMono() {
		assertThatExceptionOfType(RuntimeException.class).isThrownBy(() -> this.methods.nullMono().block(LIMIT))
			.withMessageContaining("nullMono");
		assertThat(this.journal.entries()).last().asString().startsWith("release a failed");
	}

	private <T> void deferred(Function<Throwable, T> method, Function<T, Object> await) {
		T result = method.apply(null);
		assertThat(this.journal.entries()).isEmpty();
		assertThat(await.apply(result)).isEqualTo("value");
		scopedOnce("completed");
		await.apply(result);
		assertThat(this.journal.entries()).hasSize(6).endsWith("acquire a", "body", "release a completed");
		IllegalArgumentException error = new IllegalArgumentException("broken");
		assertThatExceptionOfType(IllegalArgumentException.class).isThrownBy(() -> await.apply(method.apply(error)))
			.satisfies((actual) -> assertThat(actual).isSameAs(error));
		assertThat(this.journal.entries()).hasSize(9)
			.endsWith("release a failed: java.lang.IllegalArgumentException: broken");
	}

	private void scopedOnce(String exit) {
		assertThat(this.journal.entries()).containsExactly("acquire a", "body", "release a " + exit);
	}

	@Configuration(proxyBeanMethods = false)
	static class Beans {

		@Bean
		Journal journal() {
			return new Journal();
		}

		@Bean
		AsyncResource<String> a(Journal journal) {
			return journal.resource("a");
		}

		@Bean
		Methods methods(Journal journal) {
			return new Methods(journal);
		}

	}

	@ScopedAsync("a")
	static class Methods {

		private final Journal journal;

		Methods(Journal journal) {
			this.journal = journal;
		}

		private Mono<String> value(Throwable error) {
			this.journal.add("body");
			return (error != null) ? Mono.error(error) : Mono.just("value");
		}

		Mono<String> mono(Throwable error) {
			return value(error);
		}

		Flux<String> flux(Throwable error) {
			return Flux.concat(Flux.just("first"), value(error));
		}

		Publisher<String> publisher(Throwable error) {
			return value(error);
		}

		Flow.Publisher<String> flowPublisher(Throwable error) {
			return JdkFlowAdapter.publisherToFlowPublisher(value(error));
		}

		Single<String> single(Throwable error) {
			return Single.fromPublisher(value(error));
		}

		Maybe<String> maybe(Throwable error) {
			return Maybe.fromPublisher(value(error));
		}

		Completable completable(Throwable error) {
			return Completable.fromPublisher(value(error));
		}

		Flowable<String> flowable(Throwable error) {
			return Flowable.fromPublisher(value(error));
		}

		Observable<String> observable(Throwable error) {
			return Observable.fromPublisher(value(error));
		}

		Uni<String> uni(Throwable error) {
			return Uni.createFrom().publisher(JdkFlowAdapter.publisherToFlowPublisher(value(error)));
		}

		Multi<String> multi(Throwable error) {
			return Multi.createFrom().publisher(JdkFlowAdapter.publisherToFlowPublisher(value(error)));
		}

		CompletableFuture<String> future(Throwable error) {
			return value(error).toFuture();
		}

		CompletableFuture<String> pending(CompletableFuture<String> body) {
			return body;
		}

		CompletableFuture<String> futureThrowing(IOException error) throws IOException {
			throw error;
		}

		CompletionStage<String> completionStage() {
			return value(null).toFuture();
		}

		<E extends Throwable> String blocking(E error) throws E {
			this.journal.add("body");
			if (error != null) {
				throw error;
			}
			return "value";
		}

		int primitive() {
			this.journal.add("body");
			return 42;
		}

		void nothing() {
			this.journal.add("body");
		}

		List<String> nullValue() {
			this.journal.add("body");
			return null;
		}

		Object anything(Object result) {
			return result;
		}

		Mono<String> never() {
			return Mono.<String>never().doOnCancel(() -> this.journal.add("body cancelled"));
		}

		Flux<String> neverFlux() {
			return never().flux();
		}

		Single<String> neverSingle() {
			return Single.fromPublisher(never());
		}

		Flowable<String> neverFlowable() {
			return Flowable.fromPublisher(never());
		}

		Observable<String> neverObservable() {
			return Observable.fromPublisher(never());
		}

		Uni<String> neverUni() {
			return Uni.createFrom().publisher(JdkFlowAdapter.publisherToFlowPublisher(never()));
		}

		Multi<String> neverMulti() {
			return Multi.createFrom().publisher(JdkFlowAdapter.publisherToFlowPublisher(never()));
		}

		Mono<String> nullMono() {
			return null;
		}

	}

}
