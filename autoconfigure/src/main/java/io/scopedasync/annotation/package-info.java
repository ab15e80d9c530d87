/**
 * The annotations that users write.
 */
@NullMarked
package io.scopedasync.annotation;

import org.jspecify.annotations.NullMarked;
