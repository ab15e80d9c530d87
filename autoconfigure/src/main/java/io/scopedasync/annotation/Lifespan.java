package io.scopedasync.annotation;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import org.springframework.aot.hint.annotation.Reflective;

/**
 * Holds a resource for as long as the application runs: on the class of an
 * {@code AsyncResource} bean, or on its {@code @Bean} method. The counterpart of ASGI's
 * lifespan; {@code AsyncScopes.application()} does the same in code.
 * <ul>
 * <li>It is acquired while the application starts, before a web server takes the first
 * request, each on a thread of its own that may block. Those that need nothing of each
 * other are acquired at the same time. Which bean needs which is known from injection,
 * also through other beans, and from {@code @DependsOn}; what a bean looks up later,
 * through an {@code ObjectProvider} for instance, is not known.</li>
 * <li>Its value is what {@code held()} of the resource gives, everywhere: in any scope
 * and outside of all. A scope that asks for the resource joins it, {@code fresh()}
 * acquires a new one. In {@code @PostConstruct} and the like it is not there yet.</li>
 * <li>It is released when the application stops, in reverse order, one after the other:
 * after the web server and after all scopes, before sessions and pools. A release may use
 * these, and open scopes in its reactive chain. A context that is stopped and started
 * again acquires it anew.</li>
 * <li>If one fails, is empty or is not there in time, the others are undone and the
 * application does not start. The error names the bean.</li>
 * </ul>
 * Checked at the start. Refused are beans that are no {@code AsyncResource}, that are not
 * singletons, or of which a call takes units, such as a limiter.
 */
@Target({ ElementType.TYPE, ElementType.METHOD })
@Retention(RetentionPolicy.RUNTIME)
@Documented
@Reflective
public @interface Lifespan {

	/**
	 * How long the acquisition may take. Past it the start fails; an acquisition that
	 * can't be cancelled is then waited for, as by any scope, within
	 * {@code scoped-async.release-timeout}.
	 * @return a duration, such as {@code 2s}, {@code 500ms} or {@code PT2S}, or a
	 * {@code ${...}} placeholder for one; empty for
	 * {@code scoped-async.lifespan.start-timeout}
	 */
	String startTimeout() default "";

}
