package io.scopedasync.autoconfigure;

import java.io.IOException;

import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

import io.scopedasync.AsyncResource;
import io.scopedasync.Exit;
import io.scopedasync.annotation.Lifespan;
import io.scopedasync.annotation.ScopedAsync;

import org.springframework.aot.generate.ClassNameGenerator;
import org.springframework.aot.generate.DefaultGenerationContext;
import org.springframework.aot.generate.GeneratedFiles.Kind;
import org.springframework.aot.generate.InMemoryGeneratedFiles;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.predicate.RuntimeHintsPredicates;
import org.springframework.boot.autoconfigure.aop.AopAutoConfiguration;
import org.springframework.boot.test.util.TestPropertyValues;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.AnnotationConfigUtils;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.aot.ApplicationContextAotGenerator;
import org.springframework.javapoet.ClassName;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What is written out ahead of time.
 */
class AheadOfTimeTests {

	@Test
	void writesOutProxiesLimitersAndHints() throws IOException {
		AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext();
		TestPropertyValues
			.of("scoped-async.limiters.one.permits=1", "scoped-async.limiters.tenants.permits=1",
					"scoped-async.limiters.tenants.keyed=true", "scoped-async.locks.account.keyed=true",
					"scoped-async.locks.prices.read-write=true")
			.applyTo(context);
		AnnotationConfigUtils.registerAnnotationConfigProcessors(context);
		context.register(AopAutoConfiguration.class, ScopedAsyncAutoConfiguration.class, Service.class);
		InMemoryGeneratedFiles files = new InMemoryGeneratedFiles();
		DefaultGenerationContext generation = new DefaultGenerationContext(
				new ClassNameGenerator(ClassName.get("io.scopedasync.test", "Main")), files);
		new ApplicationContextAotGenerator().processAheadOfTime(context, generation);
		generation.writeGeneratedContent();

		assertThat(files.getGeneratedFiles(Kind.CLASS).keySet())
			.anyMatch((path) -> path.contains("AheadOfTimeTests$Service$$SpringCGLIB$$0"));
		String sources = sources(files);
		assertThat(sources).contains("LimiterBeans.limiter(")
			.contains("LimiterBeans.keyedLimiter(")
			.contains("LockBeans.keyedLock(")
			.contains("LockBeans.readWriteLock(")
			.contains("LockBeans.write(");
		RuntimeHints hints = generation.getRuntimeHints();
		assertThat(RuntimeHintsPredicates.reflection().onMethodInvocation(Service.class, "name")).accepts(hints);
	}

	@Test
	void writesOutLifespans() throws IOException {
		AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext();
		context.register(ScopedAsyncAutoConfiguration.class, ScopedAsyncLifespanAutoConfiguration.class, Held.class,
				Broker.class);
		InMemoryGeneratedFiles files = new InMemoryGeneratedFiles();
		DefaultGenerationContext generation = new DefaultGenerationContext(
				new ClassNameGenerator(ClassName.get("io.scopedasync.test", "Main")), files);
		new ApplicationContextAotGenerator().processAheadOfTime(context, generation);
		generation.writeGeneratedContent();

		assertThat(sources(files)).contains("scopedAsyncLifespansLifecycle");
		// The annotation is looked for when the application starts.
		RuntimeHints hints = generation.getRuntimeHints();
		assertThat(RuntimeHintsPredicates.reflection().onType(Broker.class)).accepts(hints);
		assertThat(RuntimeHintsPredicates.reflection().onMethodInvocation(Held.class, "cache")).accepts(hints);
	}

	private static String sources(InMemoryGeneratedFiles files) throws IOException {
		StringBuilder sources = new StringBuilder();
		for (String path : files.getGeneratedFiles(Kind.SOURCE).keySet()) {
			sources.append(files.getGeneratedFileContent(Kind.SOURCE, path));
		}
		return sources.toString();
	}

	static class Service {

		@ScopedAsync("one")
		Mono<String> name() {
			return Mono.just("name");
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Held {

		@Bean
		@Lifespan
		AsyncResource<String> cache() {
			return AsyncResource.just("cache");
		}

	}

	@Lifespan
	static class Broker implements AsyncResource<String> {

		@Override
		public Mono<String> acquire() {
			return Mono.just("broker");
		}

		@Override
		public Mono<Void> release(String value, Exit exit) {
			return Mono.empty();
		}

	}

}
