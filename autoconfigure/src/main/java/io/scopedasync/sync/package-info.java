/**
 * What scopes agree by: locks with owners, conditions, events and barriers, all without a
 * thread that waits.
 */
@NullMarked
package io.scopedasync.sync;

import org.jspecify.annotations.NullMarked;
