/**
 * Pooled HTTP sessions: each has cookies, connections and a login of its own, and one is
 * lent to a scope at a time.
 */
@NullMarked
package io.scopedasync.webclient;

import org.jspecify.annotations.NullMarked;
