package io.scopedasync;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * One error is attached to another, or it is said that it was not.
 */
@Timeout(60)
class ErrorsTests {

	private final Exception first = new IOException("first");

	private final Exception second = new IllegalStateException("second");

	@Test
	void anErrorIsAttachedOnceHoweverOftenItIsSaid() {
		assertThat(Errors.attach(this.first, this.second)).isTrue();
		assertThat(Errors.attach(this.first, this.second)).isTrue();
		assertThat(this.first.getSuppressed()).containsExactly(this.second);
	}

	@Test
	void anErrorIsNotAttachedToItself() {
		assertThat(Errors.attach(this.first, this.first)).isTrue();
		assertThat(this.first.getSuppressed()).isEmpty();
	}

	@Test
	void whatIsFoundDeepInsideIsNotAttachedAgain() {
		Exception outer = new Exception("outer", new Exception("middle", this.second));
		assertThat(Errors.attach(outer, this.second)).isTrue();
		assertThat(outer.getSuppressed()).isEmpty();
	}

	@Test
	void anErrorThatTakesNoSuppressedOnesIsSaidToTakeNone() {
		assertThat(Errors.attach(new Unsuppressing(), this.second)).isFalse();
	}

	@Test
	void whatLeadsBackIsNotAttachedAtAnyDepth() {
		Exception caused = new Exception("middle", this.first);
		Exception deep = new Exception("outer");
		deep.addSuppressed(caused);
		assertThat(Errors.attach(this.first, deep)).isFalse();
		assertThat(Errors.attach(this.first, caused)).isFalse();
		assertThat(this.first.getSuppressed()).isEmpty();
	}

	@Test
	void aCircleOfTheApplicationsOwnEndsTheSearch() {
		this.second.initCause(this.first);
		this.first.initCause(this.second);
		assertThat(Errors.attach(this.first, new Exception("third"))).isTrue();
		assertThat(Errors.attach(new Exception("fourth"), this.first)).isTrue();
	}

	@Test
	void anInstanceTakesThirtyTwo() {
		List<Throwable> taken = new ArrayList<>();
		for (int i = 0; i < 1_000; i++) {
			Exception one = new Exception("release " + i);
			if (Errors.attach(this.first, one)) {
				taken.add(one);
			}
		}
		assertThat(taken).hasSize(32);
		assertThat(this.first.getSuppressed()).containsExactlyElementsOf(taken);
	}

	@Test
	void whatTheApplicationHasAddedDoesNotCount() {
		for (int i = 0; i < 40; i++) {
			this.first.addSuppressed(new Exception("own " + i));
		}
		assertThat(Errors.attach(this.first, this.second)).isTrue();
		assertThat(Errors.attachedTo(this.first)).containsExactly(this.second);
	}

	@Test
	void whatIsTooDeepToWriteDownIsNotAttached() {
		Exception deep = this.second;
		for (int i = 0; i < 10_000; i++) {
			deep = new Exception("caused", deep);
		}
		assertThat(Errors.attach(this.first, deep)).isFalse();
		assertThat(Errors.attach(deep, this.first)).isTrue();
	}

	@Test
	void aCauseThatCannotBeAskedForIsNone() {
		Exception broken = new Exception("broken") {
			@Override
			public synchronized Throwable getCause() {
				throw new UnsupportedOperationException("no cause");
			}
		};
		assertThat(Errors.attach(this.first, broken)).isTrue();
		assertThat(Errors.attach(broken, this.second)).isTrue();
	}

	@Test
	void errorsThatEqualEachOtherAreTwo() {
		Exception one = new Equal();
		Exception other = new Equal();
		assertThat(Errors.attach(this.first, one)).isTrue();
		assertThat(Errors.attach(this.first, other)).isTrue();
		assertThat(this.first.getSuppressed()).hasSize(2);
		assertThat(Errors.attach(one, this.second)).isTrue();
		assertThat(Errors.attachedTo(other)).isEmpty();
	}

	@Test
	void manyAtOnceAreAttachedOnceAndToTheLimit() throws Exception {
		for (int round = 0; round < 300; round++) {
			Exception error = new Exception("error");
			Exception shared = new Exception("shared");
			race(() -> Errors.attach(error, shared), () -> Errors.attach(error, shared), () -> attachMany(error, 20),
					() -> attachMany(error, 20));
			assertThat(error.getSuppressed()).hasSize(32).doesNotHaveDuplicates();
		}
	}

	@Test
	void twoThatAreAttachedToEachOtherAtOnceMakeNoCircle() throws Exception {
		for (int round = 0; round < 300; round++) {
			Exception one = new Exception("one");
			Exception other = new Exception("other");
			Exception third = new Exception("third");
			race(() -> Errors.attach(one, other), () -> Errors.attach(other, third), () -> Errors.attach(third, one));
			int attached = one.getSuppressed().length + other.getSuppressed().length + third.getSuppressed().length;
			assertThat(attached).isEqualTo(2);
			StringWriter written = new StringWriter();
			one.printStackTrace(new PrintWriter(written));
			assertThat(written.toString()).doesNotContain("CIRCULAR");
		}
	}

	private static void attachMany(Exception error, int count) {
		for (int i = 0; i < count; i++) {
			Errors.attach(error, new Exception("many"));
		}
	}

	private static void race(Runnable... actions) throws Exception {
		CyclicBarrier start = new CyclicBarrier(actions.length);
		List<Thread> threads = new ArrayList<>();
		for (Runnable action : actions) {
			Thread thread = new Thread(() -> {
				try {
					start.await();
				}
				catch (Exception ex) {
					throw new IllegalStateException(ex);
				}
				action.run();
			});
			thread.start();
			threads.add(thread);
		}
		for (Thread thread : threads) {
			thread.join(30_000);
			assertThat(thread.isAlive()).isFalse();
		}
	}

	@SuppressWarnings("serial")
	private static final class Unsuppressing extends Exception {

		Unsuppressing() {
			super("takes none", null, false, false);
		}

	}

	@SuppressWarnings("serial")
	private static final class Equal extends Exception {

		@Override
		public boolean equals(Object other) {
			return other instanceof Equal;
		}

		@Override
		public int hashCode() {
			return 1;
		}

	}

}
