package io.scopedasync;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;

import org.jspecify.annotations.Nullable;
import reactor.core.Exceptions;

/**
 * Types of errors that are handled, and what is left of an error without them. Scopes
 * attach errors to the first one: they are not handled because that one is, but take its
 * place, as in Python.
 */
record HandledErrors(Class<?>... types) {

	private boolean match(Throwable error) {
		for (Class<?> type : this.types) {
			if (type.isInstance(error)) {
				return true;
			}
		}
		return false;
	}

	/**
	 * What is left of an error.
	 * @param error the error
	 * @param undelivered hears what is left and finds no place in the result
	 * @return the error itself if nothing of it matches, null if nothing is left
	 */
	@Nullable Throwable removedFrom(Throwable error, Consumer<Throwable> undelivered) {
		List<Throwable> left = new ArrayList<>();
		if (!Exceptions.isMultiple(error)) {
			if (!match(error)) {
				return error;
			}
			keepUnmatched(Errors.takeFrom(error), left);
			return together(left, undelivered);
		}
		List<Throwable> attached = Errors.attachedTo(error);
		List<Throwable> parts = new ArrayList<>(Exceptions.unwrapMultiple(error));
		parts.removeAll(attached);
		if (parts.stream().noneMatch(this::match)) {
			return error;
		}
		keepUnmatched(parts, left);
		keepUnmatched(Errors.takeFrom(error), left);
		return left.stream().anyMatch(parts::contains) ? Exceptions.multiple(left) : together(left, undelivered);
	}

	private void keepUnmatched(Collection<Throwable> errors, List<Throwable> left) {
		Deque<Throwable> open = new ArrayDeque<>(errors);
		for (Throwable error = open.poll(); error != null; error = open.poll()) {
			if (!match(error)) {
				left.add(error);
				continue;
			}
			List<Throwable> inside = Errors.takeFrom(error);
			for (int i = inside.size() - 1; i >= 0; i--) {
				open.push(inside.get(i));
			}
		}
	}

	/** The first one, with the others attached. */
	static @Nullable Throwable together(List<Throwable> errors, Consumer<Throwable> undelivered) {
		Throwable first = errors.isEmpty() ? null : errors.get(0);
		if (first != null) {
			errors.stream().filter((error) -> !Errors.attach(first, error)).forEach(undelivered);
		}
		return first;
	}

}
