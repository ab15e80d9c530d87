/**
 * Database connections and units of work as resources, by Spring's own reactive
 * transaction management.
 */
@NullMarked
package io.scopedasync.r2dbc;

import org.jspecify.annotations.NullMarked;
