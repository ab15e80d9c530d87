package io.scopedasync.demo.gallery;

import io.r2dbc.spi.ConnectionFactory;
import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import io.scopedasync.r2dbc.UnitOfWork;
import reactor.core.publisher.Mono;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.stereotype.Component;

/**
 * Two transfers between two accounts, of which one fails half way.
 */
@Component
class UnitOfWorkExhibit implements Exhibit {

	private final AsyncScopes scopes;

	private final AsyncResource<UnitOfWork> unitOfWork;

	private final DatabaseClient database;

	UnitOfWorkExhibit(AsyncScopes scopes, @Qualifier("unitOfWork") AsyncResource<UnitOfWork> unitOfWork,
			ConnectionFactory connections) {
		this.scopes = scopes;
		this.unitOfWork = unitOfWork;
		this.database = DatabaseClient.create(connections);
	}

	@Override
	public String member() {
		return "unit-of-work";
	}

	@Override
	public String description() {
		return "a transaction as a resource: one transfer commits, the next fails half way and leaves no trace";
	}

	@Override
	public Mono<?> show(Story story) {
		return this.scopes.use(this.unitOfWork.fresh(), (work) -> accounts())
			.then(this.scopes.use(this.unitOfWork, (work) -> take(100).then(give(100))))
			.then(balances("after a transfer that commits", story))
			.then(this.scopes.use(this.unitOfWork,
					(work) -> take(100).then(balances("inside one, half way", story))
						.then(Mono.error(new IllegalStateException("the second half fails")))))
			.onErrorResume(IllegalStateException.class, (error) -> {
				story.note("caller", String.valueOf(error.getMessage()));
				return Mono.empty();
			})
			.then(balances("after it was rolled back", story));
	}

	private Mono<Void> accounts() {
		return this.database.sql("create table if not exists account (owner varchar(10) primary key, balance int)")
			.then()
			.then(this.database.sql("merge into account values ('ann', 500), ('bob', 500)").then());
	}

	private Mono<Void> take(int amount) {
		return this.database.sql("update account set balance = balance - " + amount + " where owner = 'ann'").then();
	}

	private Mono<Void> give(int amount) {
		return this.database.sql("update account set balance = balance + " + amount + " where owner = 'bob'").then();
	}

	private Mono<String> balances(String when, Story story) {
		return this.database.sql("select owner, balance from account order by owner")
			.map((row) -> row.get("owner") + " has " + row.get("balance"))
			.all()
			.collectList()
			.map((balances) -> String.join(", ", balances))
			.doOnNext((balances) -> story.note("database", when + ": " + balances));
	}

}
