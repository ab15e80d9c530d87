/**
 * The nouns of asynchronous scopes: resources, scopes, how they end, and the front door.
 */
@NullMarked
package io.scopedasync;

import org.jspecify.annotations.NullMarked;
