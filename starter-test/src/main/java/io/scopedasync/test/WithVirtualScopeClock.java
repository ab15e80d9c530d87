package io.scopedasync.test;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import org.springframework.context.annotation.Import;

/**
 * Puts the scopes, limiters and sessions of a Spring test under virtual time: there is a
 * bean {@link VirtualScopeClock} to advance. When the application context closes, time
 * begins to pass by itself, so that the shutdown has an end.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@Documented
@Import(VirtualScopeClockConfiguration.class)
public @interface WithVirtualScopeClock {

}
