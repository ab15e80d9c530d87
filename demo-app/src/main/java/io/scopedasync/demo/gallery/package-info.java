/**
 * What a scope can hold, each member shown once with what happened and when.
 */
@NullMarked
package io.scopedasync.demo.gallery;

import org.jspecify.annotations.NullMarked;
