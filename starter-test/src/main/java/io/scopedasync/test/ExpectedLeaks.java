package io.scopedasync.test;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import io.scopedasync.leak.LeakReason;

/**
 * What {@link NoLeakedScopes} is to find after a test. The test fails if it does not, or
 * finds anything else. That of the method goes before that of the class.
 */
@Target({ ElementType.TYPE, ElementType.METHOD })
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@Documented
public @interface ExpectedLeaks {

	/**
	 * Reasons that are reported during the test, each at least once.
	 * @return the reasons
	 */
	LeakReason[] value() default {};

	/**
	 * Names of scopes that are open after the test, at least one of each name.
	 * @return the names
	 */
	String[] open() default {};

}
