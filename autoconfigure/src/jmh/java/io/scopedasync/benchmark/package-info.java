/**
 * Benchmarks of scopes beside their peers; compiled under the profile {@code jmh} only
 * and never published.
 */
@NullMarked
package io.scopedasync.benchmark;

import org.jspecify.annotations.NullMarked;
