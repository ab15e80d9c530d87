/**
 * Asynchronous scopes: the nouns. An {@link io.scopedasync.AsyncResource} says how
 * something is acquired and released, an {@link io.scopedasync.Exit} how a body ended, a
 * {@link io.scopedasync.Scope} is one running acquire, body, release, and
 * {@link io.scopedasync.AsyncScopes} opens scopes and knows the open ones.
 */
@NullMarked
package io.scopedasync;

import org.jspecify.annotations.NullMarked;
