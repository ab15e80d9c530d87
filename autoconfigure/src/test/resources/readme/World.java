package readme;

import java.time.Instant;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Deadline;
import io.scopedasync.sync.Barrier;
import io.scopedasync.sync.Condition;
import io.scopedasync.sync.Event;
import io.scopedasync.sync.Lock;
import io.scopedasync.sync.ReadWriteLock;
import reactor.core.publisher.Mono;

/**
 * What the code of the README takes for granted.
 */
abstract class World {

	AsyncScopes scopes;

	Deadline deadline;

	Instant instant;

	Mono<String> body;

	String symbol;

	long id;

	// Resources.

	AsyncResource<Connection> connection;

	AsyncResource<String> a;

	AsyncResource<String> b;

	List<Mono<String>> queries;

	interface Connection {

		Mono<Login> login();

		Mono<Order> query(long id);

		Order queryNow(long id);

		boolean isOpen();

	}

	interface ConnectionResource extends AsyncResource<Connection> {

	}

	interface Login {

		Mono<Void> logout();

	}

	record Order() {

	}

	// Composition.

	AsyncResource<Database> database;

	AsyncResource<Cache> cache;

	AsyncResource<Database> nearReplica;

	AsyncResource<Database> farReplica;

	record Database() {

	}

	record Cache() {

	}

	record Stores(Database database, Cache cache) {

	}

	record Model() {

	}

	interface Loader {

		AsyncResource<Model> resource();

	}

	record Pool() {

	}

	interface Pools {

		AsyncResource<Pool> of(Object id);

	}

	record Client() {

	}

	static final class Clients {

		static AsyncResource<Client> first() {
			return AsyncResource.just(new Client());
		}

	}

	// Locks and the rest.

	Lock lock;

	Condition notEmpty;

	Deque<Order> orders;

	Order order;

	ReadWriteLock prices;

	Event ready;

	Barrier start;

	record Receipt() {

	}

	abstract Mono<Price> lookUp(String symbol);

	abstract Mono<Void> serve();

	abstract Mono<Void> run(int number);

	// Tasks.

	Market market;

	Feed feed;

	Charts charts;

	record Price() {

	}

	record News() {

	}

	record Chart() {

	}

	record Quote() {

	}

	interface Market {

		Mono<Price> priceOf(String symbol);

	}

	interface Feed {

		CompletableFuture<News> newsOf(String symbol);

	}

	interface Charts {

		Chart draw(String symbol) throws InterruptedException;

	}

	abstract Mono<Quote> quote(String symbol);

	// Connections and lifespans.

	Accounts accounts;

	AsyncResource<Broker> broker;

	interface Accounts {

		Mono<Void> take(long from, int amount);

		Mono<Void> give(long to, int amount);

	}

	static final class Broker {

		static Mono<Broker> connect() {
			return Mono.just(new Broker());
		}

		Mono<Void> close() {
			return Mono.empty();
		}

		Mono<List<String>> topics() {
			return Mono.just(List.of());
		}

	}

}
