/**
 * What a server does with the deadlines of those who call it.
 */
@NullMarked
package io.scopedasync.web;

import org.jspecify.annotations.NullMarked;
