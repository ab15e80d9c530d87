/**
 * Scopes on Micrometer: the recorder, every meter in
 * {@link io.scopedasync.micrometer.ScopedAsyncMeters}, and thread locals carried by its
 * context propagation.
 */
@NullMarked
package io.scopedasync.micrometer;

import org.jspecify.annotations.NullMarked;
