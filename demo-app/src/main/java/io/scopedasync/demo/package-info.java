/**
 * A quotes gateway that shows what scopes do.
 */
@NullMarked
package io.scopedasync.demo;

import org.jspecify.annotations.NullMarked;
