/**
 * Leaks: scopes that stay open longer than they should, or are open still when the
 * application closes. What is found is counted, logged once per site, and told to every
 * {@link io.scopedasync.leak.LeakListener}.
 */
@NullMarked
package io.scopedasync.leak;

import org.jspecify.annotations.NullMarked;
