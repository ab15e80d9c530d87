/**
 * Scopes on Micrometer: the recorder, every meter in
 * {@link io.scopedasync.micrometer.ScopedAsyncMeters}, the observer, every observation in
 * {@link io.scopedasync.micrometer.ScopedAsyncObservations}, and thread locals carried by
 * its context propagation.
 */
@NullMarked
package io.scopedasync.micrometer;

import org.jspecify.annotations.NullMarked;
