/**
 * Limiters: at most n at once, the rest wait in order of arrival and without a thread.
 */
@NullMarked
package io.scopedasync.limiter;

import org.jspecify.annotations.NullMarked;
