package io.scopedasync.test;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Fails each test after which scopes are open that were not open before it, or during
 * which leaks were reported. The failure names each scope with its resources, age, thread
 * and, where that was kept, the place it was opened at. What a test leaves open is then
 * cancelled, so that the next one finds the resources free.
 * <p>
 * Known are the {@code AsyncScopes} and {@code Leaks} of the Spring test's application
 * context, and those in fields of the test class, of its superclasses and of the classes
 * around it. A test that has neither fails too: nobody could tell.
 * <p>
 * Application contexts of tests keep every call site, as with
 * {@code scoped-async.leak-detection.level=paranoid}, unless that property is set. Scopes
 * of one's own do if they are built with {@code tracked(true)} and
 * {@code callSites(CallSites.all())}.
 * <p>
 * Tests that run in parallel on the same {@code AsyncScopes} can't be told apart: they
 * are judged together when the last of them ends, and its failure names all of them.
 * JUnit's {@code @ResourceLock} or {@code @Isolated} has them judged one by one.
 * <p>
 * With {@code junit.jupiter.extensions.autodetection.enabled=true} every test is watched
 * that has something to watch, without this annotation. That of the method goes before
 * that of the class, and that before the ones of the classes around it.
 *
 * @see ExpectedLeaks
 */
@Target({ ElementType.TYPE, ElementType.METHOD })
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@Documented
@ExtendWith(NoLeakedScopesExtension.class)
public @interface NoLeakedScopes {

	/**
	 * How long scopes that are about to end are waited for, in real time. Only a test
	 * that would fail otherwise waits.
	 * @return a duration, such as {@code 500ms} or {@code 2s}; empty for the JUnit
	 * configuration parameter {@value NoLeakedScopesExtension#GRACE}, 1 second unless set
	 */
	String grace() default "";

	/**
	 * Whether to watch at all.
	 * @return false where a class, or auto-detection, would have it watched otherwise
	 */
	boolean enabled() default true;

}
