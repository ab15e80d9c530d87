/**
 * Servers as resources: bound by a scope, and at its end no longer accepting, then
 * without connections, then gone.
 */
@NullMarked
package io.scopedasync.server;

import org.jspecify.annotations.NullMarked;
