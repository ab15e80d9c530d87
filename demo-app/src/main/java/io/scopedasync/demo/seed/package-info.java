/**
 * The four programs that this project started from, each as a user would write it.
 */
@NullMarked
package io.scopedasync.demo.seed;

import org.jspecify.annotations.NullMarked;
