package io.scopedasync;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.lang.reflect.Method;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;
import org.junit.platform.commons.support.AnnotationSupport;
import reactor.core.Exceptions;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * Runs tests on a thread that must not block, on which those go on at once who are
 * granted something there.
 */
@Target({ ElementType.TYPE, ElementType.METHOD })
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@ExtendWith(EventLoop.Extension.class)
public @interface EventLoop {

	/**
	 * False for a test of a class with this annotation that blocks.
	 * @return whether the test runs on such a thread
	 */
	boolean value() default true;

	/**
	 * Moves the test to another thread and waits for it.
	 */
	final class Extension implements InvocationInterceptor {

		@Override
		public void interceptTestMethod(Invocation<Void> invocation, ReflectiveInvocationContext<Method> method,
				ExtensionContext context) throws Throwable {
			run(invocation, context);
		}

		@Override
		public void interceptTestTemplateMethod(Invocation<Void> invocation, ReflectiveInvocationContext<Method> method,
				ExtensionContext context) throws Throwable {
			run(invocation, context);
		}

		private void run(Invocation<Void> invocation, ExtensionContext context) throws Throwable {
			boolean moved = AnnotationSupport.findAnnotation(context.getRequiredTestMethod(), EventLoop.class)
				.or(() -> AnnotationSupport.findAnnotation(context.getRequiredTestClass(), EventLoop.class))
				.map(EventLoop::value)
				.orElse(false);
			if (!moved) {
				invocation.proceed();
				return;
			}
			FutureTask<Void> test = new FutureTask<>(() -> {
				try {
					return invocation.proceed();
				}
				catch (Exception | Error ex) {
					throw ex;
				}
				catch (Throwable ex) {
					throw new IllegalStateException(ex);
				}
			});
			new Loop(test, 0).start();
			try {
				test.get();
			}
			catch (ExecutionException ex) {
				throw ex.getCause();
			}
		}

	}

	/**
	 * Not marked as such for others, so that a test may wait in it.
	 */
	final class Loop extends Thread {

		static {
			Schedulers.registerNonBlockingThreadPredicate(Loop.class::isInstance);
		}

		/**
		 * A thread.
		 * @param task to run
		 * @param stackSize in bytes, 0 for the usual one
		 */
		public Loop(Runnable task, long stackSize) {
			super(null, task, "event-loop", stackSize);
		}

		/**
		 * Waits on such a thread too, for a test.
		 * @param <T> what comes
		 * @param mono what to wait for
		 * @return what came
		 */
		public static <T> @Nullable T await(Mono<? extends T> mono) {
			try {
				return mono.toFuture().get(30, TimeUnit.SECONDS);
			}
			catch (ExecutionException ex) {
				throw Exceptions.propagate(ex.getCause());
			}
			catch (InterruptedException | TimeoutException ex) {
				throw new IllegalStateException(ex);
			}
		}

	}

}
