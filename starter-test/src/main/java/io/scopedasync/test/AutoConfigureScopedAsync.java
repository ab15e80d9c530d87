package io.scopedasync.test;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import org.springframework.boot.autoconfigure.ImportAutoConfiguration;

/**
 * Brings scopes, limiters, sessions, lifespans and the {@code @ScopedAsync} advice into a
 * sliced test, {@code @WebFluxTest} for instance, that leaves them out by itself.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@Documented
@ImportAutoConfiguration
public @interface AutoConfigureScopedAsync {

}
