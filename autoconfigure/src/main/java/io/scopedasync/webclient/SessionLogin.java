package io.scopedasync.webclient;

import reactor.core.publisher.Mono;

import org.springframework.http.HttpStatusCode;
import org.springframework.web.reactive.function.client.WebClient;

/**
 * How a session gets in and out. A bean of this type belongs to the session that its
 * {@code @Qualifier} names.
 */
public interface SessionLogin {

	/**
	 * Runs once when a session is made, before anybody is lent it. Cookies that the
	 * answers set stay in the session. Bounded by the login limit; an error or the limit
	 * ends the acquisition that asked for a session, and the session.
	 * @param client bound to the new session
	 * @return completes once logged in
	 */
	Mono<Void> login(WebClient client);

	/**
	 * Runs once when a session is discarded, unless its login has expired. Bounded by the
	 * login limit; an error is logged.
	 * @param client bound to the session
	 * @return completes once logged out
	 */
	default Mono<Void> logout(WebClient client) {
		return Mono.empty();
	}

	/**
	 * Whether an answer says that the login is not valid any more. The caller gets that
	 * answer as it is; the session is discarded at the end of its scope, and the next
	 * scope is lent another.
	 * @param status the status of an answer to a request of a scope
	 * @return true for 401 unless overridden
	 */
	default boolean expired(HttpStatusCode status) {
		return status.value() == 401;
	}

}
