/**
 * For tests: scopes that a test leaves open fail it, assertions that name what is open,
 * time that a test advances itself, and a real server to talk to.
 */
@NullMarked
package io.scopedasync.test;

import org.jspecify.annotations.NullMarked;
