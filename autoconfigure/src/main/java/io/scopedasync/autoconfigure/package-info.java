/**
 * Auto-configurations, properties and failure analyzers.
 */
@NullMarked
package io.scopedasync.autoconfigure;

import org.jspecify.annotations.NullMarked;
