package io.scopedasync.autoconfigure;

import java.time.Duration;

import io.r2dbc.spi.ConnectionFactory;
import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.PooledResource;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.r2dbc.R2dbc;
import io.scopedasync.r2dbc.UnitOfWork;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.data.r2dbc.autoconfigure.DataR2dbcAutoConfiguration;
import org.springframework.boot.r2dbc.autoconfigure.R2dbcAutoConfiguration;
import org.springframework.boot.r2dbc.autoconfigure.R2dbcTransactionManagerAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.transaction.autoconfigure.TransactionAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.data.annotation.Id;
import org.springframework.data.r2dbc.repository.config.EnableR2dbcRepositories;
import org.springframework.data.relational.core.mapping.Table;
import org.springframework.data.repository.reactive.ReactiveCrudRepository;
import org.springframework.r2dbc.connection.R2dbcTransactionManager;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.transaction.annotation.EnableTransactionManagement;
import org.springframework.transaction.annotation.Transactional;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link ScopedAsyncR2dbcAutoConfiguration}.
 */
class ScopedAsyncR2dbcAutoConfigurationTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(ScopedAsyncAutoConfiguration.class,
				ScopedAsyncR2dbcAutoConfiguration.class, ScopedAsyncLifecycleAutoConfiguration.class,
				R2dbcAutoConfiguration.class, R2dbcTransactionManagerAutoConfiguration.class,
				TransactionAutoConfiguration.class, DataR2dbcAutoConfiguration.class))
		.withPropertyValues("spring.r2dbc.url=r2dbc:h2:mem:///orders?options=DB_CLOSE_DELAY=-1");

	@Test
	void thereAreAConnectionAndTwoUnitsOfWork() {
		this.runner.run((context) -> assertThat(context).hasBean(R2dbc.CONNECTION)
			.hasBean(R2dbc.UNIT_OF_WORK)
			.hasBean(R2dbc.READ_ONLY_UNIT_OF_WORK));
	}

	@Test
	void theirNamesAreThoseOfTheBeans() {
		this.runner.run((context) -> context.getBeansOfType(AsyncResource.class)
			.forEach((name, resource) -> assertThat(resource.name()).isEqualTo(name)));
	}

	@Test
	void withoutADatabaseThereIsNothing() {
		new ApplicationContextRunner()
			.withConfiguration(
					AutoConfigurations.of(ScopedAsyncAutoConfiguration.class, ScopedAsyncR2dbcAutoConfiguration.class))
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean(AsyncResource.class));
		this.runner.withClassLoader(new FilteredClassLoader(R2dbcTransactionManager.class, ConnectionFactory.class))
			.run((context) -> assertThat(context).hasNotFailed()
				.doesNotHaveBean(ScopedAsyncR2dbcAutoConfiguration.class));
		this.runner.withPropertyValues("scoped-async.enabled=false")
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean(AsyncResource.class));
	}

	@Test
	void onesOfTheUserWin() {
		this.runner.withUserConfiguration(Own.class).run((context) -> {
			assertThat(context).hasNotFailed().hasBean(R2dbc.CONNECTION);
			assertThat(context.getBean(R2dbc.UNIT_OF_WORK)).isSameAs(Own.UNIT);
		});
	}

	@Test
	void repositoriesClientsAndTransactionsUseTheConnectionOfTheScope() {
		this.runner.withUserConfiguration(Orders.class).run((context) -> {
			DatabaseClient client = context.getBean(DatabaseClient.class);
			client.sql("create table if not exists \"orders\" (id int primary key, text varchar(20))")
				.then()
				.block(LIMIT);
			client.sql("delete from \"orders\"").then().block(LIMIT);
			OrderService service = context.getBean(OrderService.class);
			service.place(1, false).block(LIMIT);
			assertThat(context.getBean(OrderRepository.class).count().block(LIMIT)).isEqualTo(3);
			assertThatIllegalStateException().isThrownBy(() -> service.place(10, true).block(LIMIT));
			assertThat(context.getBean(OrderRepository.class).count().block(LIMIT)).isEqualTo(3);
			assertThatIllegalStateException().isThrownBy(() -> service.placeWithLog().block(LIMIT));
			assertThat(context.getBean(OrderRepository.class).findById(100).block(LIMIT))
				.as("in a unit of work of its own")
				.isNotNull();
			assertThat(context.getBean(OrderRepository.class).count().block(LIMIT)).isEqualTo(4);
			assertThat(context.getBean(AsyncScopes.class).openScopes()).isEmpty();
		});
	}

	@Test
	void poolsOfTheUserAreClosedWithTheApplication() {
		this.runner.withUserConfiguration(Pools.class).run((context) -> {
			PooledResource<?> pool = context.getBean("numbers", PooledResource.class);
			assertThat(pool.usage().idle()).as("warm").isEqualTo(1);
			context.getSourceApplicationContext().close();
			assertThat(pool.usage().idle()).isZero();
		});
	}

	@Configuration(proxyBeanMethods = false)
	static class Own {

		static final AsyncResource<String> UNIT = AsyncResource.just("mine");

		@Bean
		AsyncResource<String> unitOfWork() {
			return UNIT;
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Pools {

		@Bean
		PooledResource<String> numbers() {
			return AsyncResource.just("one").named("numbers").pooled((settings) -> settings.minSize(1));
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableTransactionManagement
	@EnableR2dbcRepositories(considerNestedRepositories = true, basePackageClasses = OrderRepository.class)
	static class Orders {

		@Bean
		OrderLog orderLog(DatabaseClient client) {
			return new OrderLog(client);
		}

		@Bean
		OrderService orderService(OrderRepository orders, OrderLog log, AsyncResource<UnitOfWork> unitOfWork) {
			return new OrderService(orders, log, unitOfWork);
		}

	}

	/** An order. */
	@Table("orders")
	record Order(@Id Integer id, String text) {
	}

	interface OrderRepository extends ReactiveCrudRepository<Order, Integer> {

	}

	static class OrderLog {

		private final DatabaseClient client;

		OrderLog(DatabaseClient client) {
			this.client = client;
		}

		@Transactional
		public Mono<Long> joined(int id) {
			return insert(id);
		}

		@ScopedAsync(value = "unitOfWork", fresh = true)
		public Mono<Long> apart(int id) {
			return insert(id);
		}

		@ScopedAsync("r2dbcConnection")
		public Mono<Long> onTheConnection(int id) {
			return insert(id);
		}

		private Mono<Long> insert(int id) {
			return this.client.sql("insert into \"orders\" (id, text) values (" + id + ", 'log')")
				.fetch()
				.rowsUpdated();
		}

	}

	static class OrderService {

		final OrderRepository orders;

		private final OrderLog log;

		private final AsyncResource<UnitOfWork> unitOfWork;

		OrderService(OrderRepository orders, OrderLog log, AsyncResource<UnitOfWork> unitOfWork) {
			this.orders = orders;
			this.log = log;
			this.unitOfWork = unitOfWork;
		}

		@ScopedAsync("unitOfWork")
		public Mono<Void> place(int id, boolean failing) {
			return this.log.joined(id)
				.then(this.log.onTheConnection(id + 1))
				.then(this.log.joined(id + 2))
				.then(this.orders.count())
				.then(this.unitOfWork.held())
				.flatMap((work) -> failing ? Mono.error(new IllegalStateException("expected")) : Mono.empty());
		}

		@ScopedAsync("unitOfWork")
		public Mono<Void> placeWithLog() {
			return this.log.joined(50)
				.then(this.log.apart(100))
				.then(Mono.error(new IllegalStateException("expected")));
		}

	}

}
