package io.scopedasync.demo.gallery;

import io.scopedasync.demo.Story;
import reactor.core.publisher.Mono;

/**
 * A member of the family, shown by a small program.
 */
interface Exhibit {

	/**
	 * What is shown: the last part of the path.
	 * @return a name in lower case, words joined by a hyphen
	 */
	String member();

	/**
	 * What there is to see.
	 * @return a sentence
	 */
	String description();

	/**
	 * Runs the program, once per call.
	 * @param story where to note what happens
	 * @return what the program's caller gets
	 */
	Mono<?> show(Story story);

}
