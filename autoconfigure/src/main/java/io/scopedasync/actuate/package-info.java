/**
 * What Actuator shows of scopes: the endpoint {@code scopes} with its page, and health.
 */
@NullMarked
package io.scopedasync.actuate;

import org.jspecify.annotations.NullMarked;
