package io.scopedasync;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Numbers of the promised cases that a test shows.
 */
@Target({ ElementType.METHOD, ElementType.TYPE })
@Retention(RetentionPolicy.RUNTIME)
public @interface Case {

	/**
	 * The cases' numbers.
	 * @return at least one
	 */
	int[] value();

}
