/**
 * What a web server does with deadlines of its callers, and while the application closes.
 */
@NullMarked
package io.scopedasync.web;

import org.jspecify.annotations.NullMarked;
