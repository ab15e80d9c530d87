/**
 * Tests that hold the documentation against the code.
 */
@NullMarked
package io.scopedasync.documentation;

import org.jspecify.annotations.NullMarked;
