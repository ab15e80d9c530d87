package io.scopedasync.interceptor;

import java.io.InputStream;
import java.lang.reflect.Modifier;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import java.util.stream.Stream.Builder;

import net.bytebuddy.ByteBuddy;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.publisher.ConnectableFlux;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import io.scopedasync.AsyncResource;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.autoconfigure.ScopedAsyncAutoConfiguration;
import io.scopedasync.autoconfigure.ScopedAsyncAutoConfigurationTests;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.aop.AopAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;
import org.springframework.context.annotation.Scope;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.params.provider.Arguments.arguments;

/**
 * What is refused at start-up, and what the error says: bean, method, problem, remedy.
 */
class InvalidScopedMethodTests {

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(AopAutoConfiguration.class, ScopedAsyncAutoConfiguration.class))
		.withPropertyValues("scoped-async.limiters.quotes-limit.permits=10",
				"scoped-async.limiters.tenant-limit.permits=4", "scoped-async.limiters.tenant-limit.keyed=true",
				"scoped-async.locks.prices.read-write=true")
		.withUserConfiguration(Resources.class);

	static Stream<Arguments> mistakes() {
		Builder<Arguments> mistakes = Stream.builder();
		mistakes.add(arguments(UnknownName.class, "'quote-limit', and there is none of that name",
				"Did you mean 'quotes-limit'"));
		mistakes
			.add(arguments(UnlikeAnyName.class, "'something-else'", "There are 'a', 'prices.read', 'prices.write'"));
		mistakes.add(arguments(UnlikeAnyName.class, "'something-else'", "scoped-async.locks.something-else."));
		mistakes.add(arguments(NoSideOfALock.class, "the bean of that name is a ReadWriteLock",
				"Did you mean 'prices.read' or 'prices.write'?"));
		mistakes.add(arguments(UnderscoreName.class, "'quotes_limit'", "Did you mean 'quotes-limit'"));
		mistakes.add(arguments(NotAResource.class, "the bean of that name is a String", "AsyncResource"));
		mistakes.add(arguments(AmbiguousQualifier.class, "'twice', which 2 beans have as qualifier: x1, x2",
				"Name the bean"));
		mistakes.add(arguments(PrototypeResource.class, "'prototype', whose bean is not a singleton", "Make it one"));
		mistakes.add(arguments(UnknownPlaceholder.class, "'${no.such.property}'", "Define the property"));
		mistakes.add(arguments(EmptyName.class, "empty", "Name a bean"));
		mistakes.add(arguments(Nothing.class, "neither a resource nor a timeout", "Name a resource"));
		mistakes.add(arguments(Twice.class, "'a' twice", "permits = 2"));
		mistakes.add(arguments(BadDuration.class, "'2 parsecs', which is no duration", "500ms, 2s or 1m"));
		mistakes.add(
				arguments(BadThreshold.class, "has the leakThreshold 'soon', which is no duration", "500ms, 2s or 1m"));
		mistakes.add(arguments(ZeroDuration.class, "'0s'", "more than zero"));
		mistakes.add(arguments(NegativeDuration.class, "'-1s'", "more than zero"));
		mistakes.add(arguments(TooManyPermits.class, "11 permits of 'quotes-limit', which has 10 in all",
				"Ask for 10 at most"));
		mistakes
			.add(arguments(TooManyKeyedPermits.class, "5 permits of 'tenant-limit', which has 4 in all", "Ask for 4"));
		mistakes.add(arguments(NoPermits.class, "asks for 0 permits", "Ask for 1"));
		mistakes
			.add(arguments(PermitsOfUncounted.class, "asks for 2 permits, and a is not counted", "Remove 'permits'"));
		mistakes.add(arguments(KeyOnUnkeyed.class, "has the key '#tenant', and quotes-limit is not keyed",
				"scoped-async.limiters.quotes-limit.keyed=true or scoped-async.locks.quotes-limit.keyed=true"));
		mistakes
			.add(arguments(KeyedWithoutKey.class, "has no key, and among tenant-limit is a keyed", "key = \"#p0\""));
		mistakes
			.add(arguments(BadKey.class, "has the key '#tenant.', which is no SpEL expression", "over the arguments"));
		mistakes.add(arguments(UnknownArgument.class, "there is no argument #tenent", "#tenant"));
		mistakes.add(arguments(FinalMethod.class, "is final", "Remove 'final'"));
		mistakes.add(arguments(FinalMethodOfAnnotatedClass.class, "is final", "Remove 'final'"));
		mistakes.add(arguments(PrivateMethod.class, "is private", "AsyncScopes"));
		mistakes.add(arguments(StaticMethod.class, "is static", "AsyncScopes"));
		mistakes.add(arguments(MethodOfAnotherPackage.class, "is package-private in", "protected or public"));
		mistakes.add(arguments(FinalClass.class, "no proxy can be made of", "neither final nor sealed nor a record"));
		mistakes.add(arguments(ReturnsStream.class, "Stream is used after the method has returned", "a List"));
		mistakes.add(arguments(ReturnsIterator.class, "Iterator is used after", "Flux"));
		mistakes.add(arguments(ReturnsInputStream.class, "InputStream is used after", "byte[]"));
		mistakes.add(arguments(ReturnsCallable.class, "Callable is used after", "CompletableFuture"));
		mistakes.add(arguments(ReturnsFuture.class, "whose end can't be heard", "Return a CompletableFuture instead"));
		mistakes.add(arguments(ReturnsListOfFutures.class, "CompletableFuture is used after", "AsyncScopes"));
		mistakes.add(arguments(ReturnsMapOfMonoArrays.class, "Mono is used after", "AsyncScopes"));
		mistakes.add(arguments(ReturnsMonoOfStream.class, "Stream is used after", "AsyncScopes"));
		mistakes.add(arguments(ReturnsFutureOfFlux.class, "Flux is used after", "AsyncScopes"));
		mistakes.add(arguments(ReturnsSubtype.class, "of which a scope can make a Flux only", "Declare Flux"));
		mistakes.add(arguments(ReturnsFutureSubtype.class, "of which a scope can make a CompletableFuture only",
				"Declare CompletableFuture"));
		return mistakes.build();
	}

	@ParameterizedTest
	@MethodSource("mistakes")
	void refuses(Class<?> type, String problem, String remedy) {
		this.runner.withBean("mistake", type).run((context) -> {
			AbstractThrowableAssert<?, ? extends Throwable> failure = assertThat(context).getFailure();
			failure.satisfies((error) -> {
				InvalidScopedMethodException invalid = invalid(error);
				assertThat(invalid.getProblem()).startsWith("@ScopedAsync method " + type.getSimpleName() + ".method(")
					.contains("of bean 'mistake'")
					.contains(problem);
				assertThat(invalid.getRemedy()).contains(remedy).endsWith(".");
				assertThat(invalid.getBeanName()).isEqualTo("mistake");
				assertThat(invalid.getMethod().getName()).isEqualTo("method");
			});
		});
	}

	@Test
	void refusesAMethodThatAProxyOfInterfacesHides() {
		this.runner.withPropertyValues("spring.aop.proxy-target-class=false")
			.withBean("mistake", Hidden.class)
			.run((context) -> assertThat(invalid(context.getStartupFailure()))
				.hasMessageContaining("Hidden.method() of bean 'mistake' is hidden")
				.hasMessageContaining("Declare it in an interface"));
	}

	@Test
	void acceptsAFinalClassBehindItsInterface() {
		this.runner.withPropertyValues("spring.aop.proxy-target-class=false")
			.withBean("service", Service.class, FinalService::new)
			.run((context) -> assertThat(context.getBean(Service.class).exposed().block()).isEqualTo("value"));
	}

	@Test
	void acceptsAFinalMethodThatAnUnannotatedSuperclassBrings() {
		this.runner.withBean(InheritsFinalMethod.class).run((context) -> assertThat(context).hasNotFailed());
	}

	@Test
	void acceptsFluxesOfFluxes() {
		this.runner.withBean(Windows.class).run((context) -> assertThat(context).hasNotFailed());
	}

	@Test
	void refusesALazyBeanWhenItIsCreated() {
		this.runner.withUserConfiguration(LazyMistake.class).run((context) -> {
			assertThat(context).hasNotFailed();
			assertThatExceptionOfType(Exception.class).isThrownBy(() -> context.getBean("mistake"))
				.satisfies((error) -> assertThat(invalid(error)).hasMessageContaining("of bean 'mistake'"));
		});
	}

	@Test
	void refusesASuspendFunction() throws Exception {
		Class<?> continuation = new ByteBuddy().makeInterface()
			.name("kotlin.coroutines.Continuation")
			.make()
			.load(getClass().getClassLoader())
			.getLoaded();
		Class<?> suspending = new ByteBuddy().makeInterface()
			.defineMethod("load", Object.class, Modifier.PUBLIC)
			.withParameters(String.class, continuation)
			.withoutCode()
			.annotateMethod(Proxied.class.getMethod("annotated").getAnnotation(ScopedAsync.class))
			.make()
			.load(continuation.getClassLoader())
			.getLoaded();
		AnnotatedMethod method = AnnotatedMethod.find(suspending.getMethods()[0], suspending, "kotlin");
		assertThat(method).isNotNull();
		assertThatExceptionOfType(InvalidScopedMethodException.class).isThrownBy(() -> Fronts.of(method))
			.withMessageContaining("is a suspend function")
			.withMessageContaining("AsyncScopes");
	}

	private static InvalidScopedMethodException invalid(Throwable error) {
		for (Throwable cause = error; cause != null; cause = cause.getCause()) {
			if (cause instanceof InvalidScopedMethodException invalid) {
				return invalid;
			}
		}
		throw new AssertionError("Not among the causes", error);
	}

	@Configuration(proxyBeanMethods = false)
	static class Resources {

		@Bean
		AsyncResource<String> a() {
			return AsyncResource.just("a");
		}

		@Bean
		@Scope(BeanDefinition.SCOPE_PROTOTYPE)
		AsyncResource<String> prototype() {
			return AsyncResource.just("prototype");
		}

		@Bean
		@Qualifier("twice")
		AsyncResource<String> x1() {
			return AsyncResource.just("x1");
		}

		@Bean
		@Qualifier("twice")
		AsyncResource<String> x2() {
			return AsyncResource.just("x2");
		}

		@Bean
		String text() {
			return "text";
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class LazyMistake {

		@Bean
		@Lazy
		UnknownName mistake() {
			return new UnknownName();
		}

	}

	interface Proxied {

		@ScopedAsync("a")
		Mono<String> annotated();

	}

	static class UnknownName {

		@ScopedAsync("quote-limit")
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class UnlikeAnyName {

		@ScopedAsync("something-else")
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class NoSideOfALock {

		@ScopedAsync("prices")
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class UnderscoreName {

		@ScopedAsync("quotes_limit")
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class NotAResource {

		@ScopedAsync("text")
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class AmbiguousQualifier {

		@ScopedAsync("twice")
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class PrototypeResource {

		@ScopedAsync("prototype")
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class UnknownPlaceholder {

		@ScopedAsync("${no.such.property}")
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class EmptyName {

		@ScopedAsync("${no.such.property:}")
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class Nothing {

		@ScopedAsync
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class Twice {

		@ScopedAsync({ "a", "${no.such.property:a}" })
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class BadThreshold {

		@ScopedAsync(value = "a", leakThreshold = "soon")
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class BadDuration {

		@ScopedAsync(value = "a", timeout = "2 parsecs")
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class ZeroDuration {

		@ScopedAsync(value = "a", timeout = "0s")
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class NegativeDuration {

		@ScopedAsync(value = "a", timeout = "-1s")
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class TooManyPermits {

		@ScopedAsync(value = "quotes-limit", permits = 11)
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class TooManyKeyedPermits {

		@ScopedAsync(value = "tenant-limit", key = "#p0", permits = 5)
		Mono<String> method(String tenant) {
			return Mono.empty();
		}

	}

	static class NoPermits {

		@ScopedAsync(value = "quotes-limit", permits = 0)
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class PermitsOfUncounted {

		@ScopedAsync(value = "a", permits = 2)
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class KeyOnUnkeyed {

		@ScopedAsync(value = "quotes-limit", key = "#tenant")
		Mono<String> method(String tenant) {
			return Mono.empty();
		}

	}

	static class KeyedWithoutKey {

		@ScopedAsync("tenant-limit")
		Mono<String> method(String tenant) {
			return Mono.empty();
		}

	}

	static class BadKey {

		@ScopedAsync(value = "tenant-limit", key = "#tenant.")
		Mono<String> method(String tenant) {
			return Mono.empty();
		}

	}

	static class UnknownArgument {

		@ScopedAsync(value = "tenant-limit", key = "'t' + #tenent.length()")
		Mono<String> method(String tenant) {
			return Mono.empty();
		}

	}

	static class FinalMethod {

		@ScopedAsync("a")
		final Mono<String> method() {
			return Mono.empty();
		}

	}

	@ScopedAsync("a")
	static class FinalMethodOfAnnotatedClass {

		public final Mono<String> method() {
			return Mono.empty();
		}

	}

	static class PrivateMethod {

		@ScopedAsync("a")
		private Mono<String> method() {
			return Mono.empty();
		}

	}

	static class StaticMethod {

		@ScopedAsync("a")
		static Mono<String> method() {
			return Mono.empty();
		}

	}

	static class MethodOfAnotherPackage extends ScopedAsyncAutoConfigurationTests.PackagePrivateMethod {

	}

	static final class FinalClass {

		@ScopedAsync("a")
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class ReturnsStream {

		@ScopedAsync("a")
		Stream<String> method() {
			return Stream.empty();
		}

	}

	static class ReturnsIterator {

		@ScopedAsync("a")
		Iterator<String> method() {
			return List.<String>of().iterator();
		}

	}

	static class ReturnsInputStream {

		@ScopedAsync("a")
		InputStream method() {
			return InputStream.nullInputStream();
		}

	}

	static class ReturnsCallable {

		@ScopedAsync("a")
		Callable<String> method() {
			return () -> "value";
		}

	}

	static class ReturnsFuture {

		@ScopedAsync("a")
		Future<String> method() {
			return CompletableFuture.completedFuture("value");
		}

	}

	static class ReturnsListOfFutures {

		@ScopedAsync("a")
		List<CompletableFuture<String>> method() {
			return List.of();
		}

	}

	static class ReturnsMapOfMonoArrays {

		@ScopedAsync("a")
		Map<String, Mono<String>[]> method() {
			return Map.of();
		}

	}

	static class ReturnsMonoOfStream {

		@ScopedAsync("a")
		Mono<Stream<String>> method() {
			return Mono.empty();
		}

	}

	static class ReturnsFutureOfFlux {

		@ScopedAsync("a")
		CompletableFuture<Flux<String>> method() {
			return CompletableFuture.completedFuture(Flux.empty());
		}

	}

	static class ReturnsSubtype {

		@ScopedAsync("a")
		ConnectableFlux<String> method() {
			return Flux.<String>empty().publish();
		}

	}

	static class SpecialFuture extends CompletableFuture<String> {

	}

	static class ReturnsFutureSubtype {

		@ScopedAsync("a")
		SpecialFuture method() {
			return new SpecialFuture();
		}

	}

	static class Windows {

		@ScopedAsync("a")
		Flux<Flux<String>> method() {
			return Flux.empty();
		}

	}

	interface Service {

		Mono<String> exposed();

	}

	static class Hidden implements Service {

		@Override
		public Mono<String> exposed() {
			return Mono.empty();
		}

		@ScopedAsync("a")
		public Mono<String> method() {
			return Mono.empty();
		}

	}

	static final class FinalService implements Service {

		@Override
		@ScopedAsync("a")
		public Mono<String> exposed() {
			return Mono.just("value");
		}

	}

	static class Framework {

		public final String frameworkMethod() {
			return "value";
		}

	}

	@ScopedAsync("a")
	static class InheritsFinalMethod extends Framework {

	}

}
