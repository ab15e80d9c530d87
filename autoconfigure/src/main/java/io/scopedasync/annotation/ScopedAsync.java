package io.scopedasync.annotation;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import org.springframework.aot.hint.annotation.Reflective;

/**
 * Runs a method inside a scope: acquires the named resources one after the other, calls
 * the method, and releases them in reverse, whatever happens in between. Python's
 * {@code async with}, as an annotation.
 * <p>
 * On a type it covers each method that can be called on the bean, inherited ones
 * included, each call in a scope of its own; an annotation on the method replaces it. It
 * is found on classes, interfaces (clients made of an {@code @HttpExchange} interface
 * included), superclasses, overridden methods, and as a meta-annotation, whose attributes
 * may be passed on with {@code @AliasFor}.
 * <p>
 * What the method returns says how it is run. For each kind, the method itself is called
 * only after everything has been acquired, through all the advice that lies inside of
 * this one, and the caller hears only after everything is released.
 * <ul>
 * <li>{@code Mono}, {@code Flux} and every deferred type known to Spring's
 * {@code ReactiveAdapterRegistry}, such as those of RxJava and Mutiny: nothing happens
 * before a subscription, and each subscription is a scope and a call of its own. A cancel
 * before the acquisition ends the wait, during the body it cancels the body, and during
 * the release it changes nothing. Several values pass through as they come; only the end
 * waits for the release.</li>
 * <li>{@code CompletableFuture} and {@code CompletionStage}: begins at once. The method
 * is called on the thread that granted the last resource. A returned future that is
 * cancelled, timed out or completed by somebody else ends the scope and cancels the
 * method's future.</li>
 * <li>everything else, {@code void} included: the calling thread waits. An interrupt
 * while waiting ends the scope as cancelled. On a thread that must not block the call is
 * refused before anything is acquired.</li>
 * </ul>
 * The error that the caller gets is the method's own, unwrapped, checked exceptions
 * included. Reactive types and futures carry it as their error; the call as such does not
 * throw.
 * <p>
 * Checked when the bean is created, or at the latest when the application has started:
 * names, {@link #key()}, {@link #permits()} and the limits, and whether a call can be
 * intercepted. Refused are {@code private}, {@code static} and {@code final} methods,
 * final classes without an interface, methods that a JDK proxy hides, {@code suspend}
 * functions, and results that are consumed after the scope has ended: streams, iterators,
 * plain {@code Future}, anything that must be closed, and a {@code Mono}, a future or a
 * plain object that contains one of these or a further reactive type.
 * <p>
 * A call from within the same object ({@code this.load()}) does not pass through the
 * proxy and has no scope: call through another bean, or use {@code AsyncScopes}, which
 * does everything that this annotation does.
 * <h2>Order</h2> From the outside in, as long as nobody configures an order:
 * <table>
 * <caption>Advice on the same method</caption>
 * <tr>
 * <th>advice</th>
 * <th>what follows</th>
 * </tr>
 * <tr>
 * <td>{@code @Async}</td>
 * <td>the scope, its waiting included, runs on the executor's thread</td>
 * </tr>
 * <tr>
 * <td>{@code @ConcurrencyLimit}</td>
 * <td>counts calls in progress: one that waits for a resource on its thread counts, a
 * Mono that was returned does not</td>
 * </tr>
 * <tr>
 * <td>{@code @Retryable}</td>
 * <td>each attempt is a scope of its own, and nothing is held between two attempts. A
 * future that failed is not retried: {@code @Retryable} looks at what a call throws, and
 * here it throws nothing</td>
 * </tr>
 * <tr>
 * <td>advice with an order of its own below {@code LOWEST_PRECEDENCE - 100}, Spring
 * Security's for instance</td>
 * <td>who is refused acquires nothing</td>
 * </tr>
 * <tr>
 * <td>{@code @Cacheable}</td>
 * <td>a hit acquires nothing</td>
 * </tr>
 * <tr>
 * <td><b>{@code @ScopedAsync}</b></td>
 * <td></td>
 * </tr>
 * <tr>
 * <td>{@code @Transactional} and all other advice</td>
 * <td>a transaction begins after the acquisition and has ended before the release</td>
 * </tr>
 * </table>
 * {@code @EnableResilientMethods(order = 0)} puts one scope around all attempts;
 * {@code @EnableTransactionManagement(order = 0)} puts the transaction around the scope.
 * One order can't be had by itself: where {@code @Cacheable} and {@code @Transactional}
 * meet on a bean and the latter is registered first, it stands outside the cache and
 * therefore outside the scope; {@code @EnableCaching(order = 0)} settles it.
 */
@Target({ ElementType.TYPE, ElementType.METHOD })
@Retention(RetentionPolicy.RUNTIME)
@Documented
@Reflective
public @interface ScopedAsync {

	/**
	 * Bean names, or qualifiers, of the resources, acquired in this order. {@code ${...}}
	 * placeholders are resolved.
	 * @return names of beans of type {@code AsyncResource} or {@code KeyedResource}; may
	 * be empty if there is a {@link #timeout()} or {@link #bodyTimeout()}
	 */
	String[] value() default {};

	/**
	 * SpEL expression for the key of those resources that are keyed, one limiter per
	 * tenant for instance. It sees what the expressions of {@code @Cacheable} see:
	 * arguments by name ({@code #tenant}, if the code is compiled with
	 * {@code -parameters}) or position ({@code #p0}, {@code #a0}), {@code #root.method},
	 * {@code #root.methodName}, {@code #root.target}, {@code #root.targetClass},
	 * {@code #root.args}, and beans ({@code @tenants}). Evaluated once per call, on the
	 * calling thread, before anything is acquired; null fails the call.
	 * @return the expression; required if one of the resources is keyed, an error if none
	 * is
	 */
	String key() default "";

	/**
	 * How many units a call takes of those resources that are counted in units, limiters
	 * for instance.
	 * @return at least 1, and no more than there are in all
	 */
	int permits() default 1;

	/**
	 * Limit on acquisition and body together, which inner scopes inherit. When it passes,
	 * the body is cancelled, everything released, and the caller gets a
	 * {@code DeadlineExceededException}.
	 * @return a duration, such as {@code 2s}, {@code 500ms} or {@code PT2S}, or a
	 * {@code ${...}} placeholder for one; empty for no limit
	 */
	String timeout() default "";

	/**
	 * Limit on the acquisition of all resources together. When it passes, what was
	 * acquired is released, and the caller gets an {@code AcquireTimeoutException}.
	 * @return a duration as for {@link #timeout()}; empty for no limit but those of the
	 * resources
	 */
	String acquireTimeout() default "";

	/**
	 * Limit on the method alone, once everything is acquired; otherwise as
	 * {@link #timeout()}.
	 * @return a duration as for {@link #timeout()}; empty for no limit
	 */
	String bodyTimeout() default "";

	/**
	 * Limit on each release, and on an acquisition that a cancelled call waits for. When
	 * it passes, the caller goes on, with a {@code ReleaseTimeoutException}.
	 * @return a duration as for {@link #timeout()}; empty for
	 * {@code scoped-async.release-timeout}
	 */
	String releaseTimeout() default "";

	/**
	 * Age from which a call's scope counts as overdue, whatever its resources say.
	 * @return a duration as for {@link #timeout()}, or {@code never}; empty for that of
	 * the resources, or else of leak detection
	 */
	String leakThreshold() default "";

	/**
	 * Whether resources that a scope around this one holds are acquired anew, instead of
	 * being joined where they can be.
	 * @return false to join
	 */
	boolean fresh() default false;

}
