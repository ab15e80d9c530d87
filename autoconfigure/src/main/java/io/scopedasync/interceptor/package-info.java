/**
 * From the annotation to the scope: a post-processor finds annotated methods, an
 * immutable spec per method says what they ask for, an interceptor runs them inside.
 */
@NullMarked
package io.scopedasync.interceptor;

import org.jspecify.annotations.NullMarked;
