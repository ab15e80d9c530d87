package io.scopedasync;

/**
 * A step of a scope that lies deep inside others, taken after those on the stack have
 * returned: a thousand scopes inside each other would not fit on it, neither going in nor
 * coming out. Every few levels are enough.
 */
final class FlatStep extends Waiter {

	private static final int LEVELS = 32;

	private final RunningScope scope;

	private FlatStep(RunningScope scope) {
		this.scope = scope;
	}

	static boolean isDueAt(int depth) {
		return depth != 0 && depth % LEVELS == 0;
	}

	static void take(RunningScope scope) {
		Trampoline.run(new FlatStep(scope));
	}

	@Override
	void arrived(Object value) {
		throw new IllegalStateException("waits for nothing");
	}

	@Override
	void failed(Throwable error) {
		throw new IllegalStateException("waits for nothing", error);
	}

	@Override
	void resume() {
		this.scope.drive();
	}

}
