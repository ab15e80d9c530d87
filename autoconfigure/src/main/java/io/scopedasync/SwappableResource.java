package io.scopedasync;

import reactor.core.publisher.Mono;

/**
 * A resource that can be exchanged for another one while it is in use: a client after its
 * certificate was renewed, a connection after its address changed. Made by
 * {@link AsyncScopes#swappable}.
 *
 * @param <T> what is acquired
 */
public interface SwappableResource<T> extends AsyncResource<T> {

	/**
	 * Acquires another resource in place of the one now. Who comes from then on uses the
	 * new one; the old one is released after its last user. If the new one fails, the old
	 * one stays. Of several swaps at once the latest counts, whichever is faster. A
	 * cancel gives up the acquisition.
	 * @param resource the new resource
	 * @return completes once the new one is in, without waiting for the users of the old
	 * one; the error of the acquisition, or {@link ScopeClosedException} after a close,
	 * when what still arrived has been released. Each subscription swaps once
	 */
	Mono<Void> swap(AsyncResource<T> resource);

	/**
	 * Ends it: who waits is refused, and so are all later users and swaps; what is in use
	 * is released after its last user. Eager, and the same end for every caller. Not
	 * needed before {@link AsyncScopes#close()}, which ends what nobody uses.
	 * @return completes once everything is released, or after 15 seconds, which is
	 * logged; what is in use then is released after its last user all the same
	 */
	Mono<Void> close();

}
