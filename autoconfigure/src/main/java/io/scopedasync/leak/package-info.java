/**
 * Leaks: scopes that stay open longer than they should, that nobody can reach any more,
 * or that go wrong in another {@linkplain io.scopedasync.leak.LeakReason way}. What is
 * found is counted, logged once per site, and told to every
 * {@link io.scopedasync.leak.LeakListener}.
 */
@NullMarked
package io.scopedasync.leak;

import org.jspecify.annotations.NullMarked;
