package io.scopedasync;

/**
 * What a task needs to run: held by its scope to the end, and not moved to another one
 * with what its body has entered.
 */
interface TaskResource {

}
