package io.scopedasync.test;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a {@link FakeUpstream} does with a request. Immutable.
 */
public final class Answer {

	final Kind kind;

	final int status;

	final Map<String, String> headers;

	final Map<String, String> cookies;

	final String body;

	private Answer(Kind kind, int status, Map<String, String> headers, Map<String, String> cookies, String body) {
		this.kind = kind;
		this.status = status;
		this.headers = headers;
		this.cookies = cookies;
		this.body = body;
	}

	/**
	 * Answers 200 with text.
	 * @param body the text
	 * @return the answer
	 */
	public static Answer text(String body) {
		return new Answer(Kind.WHOLE, 200, Map.of("Content-Type", "text/plain;charset=UTF-8"), Map.of(), body);
	}

	/**
	 * Answers 200 with JSON.
	 * @param body the JSON
	 * @return the answer
	 */
	public static Answer json(String body) {
		return text(body).header("Content-Type", "application/json");
	}

	/**
	 * Answers with a status and no body.
	 * @param status the status code
	 * @return the answer
	 */
	public static Answer status(int status) {
		return new Answer(Kind.WHOLE, status, Map.of(), Map.of(), "");
	}

	/**
	 * Takes the request and does not answer until {@link FakeUpstream#answerHanging}.
	 * @return the answer
	 */
	public static Answer hang() {
		return new Answer(Kind.HANG, 200, Map.of(), Map.of(), "");
	}

	/**
	 * Sends part of a body and then nothing more; the connection stays open.
	 * @param begin the part that is sent
	 * @return the answer
	 */
	public static Answer hangMidBody(String begin) {
		return new Answer(Kind.HANG_MID_BODY, 200, Map.of(), Map.of(), begin);
	}

	/**
	 * Sends part of a body and then closes the connection.
	 * @param begin the part that is sent
	 * @return the answer
	 */
	public static Answer closeMidBody(String begin) {
		return new Answer(Kind.CLOSE_MID_BODY, 200, Map.of(), Map.of(), begin);
	}

	/**
	 * Adds a header, or replaces it.
	 * @param name its name
	 * @param value its value
	 * @return a new answer
	 */
	public Answer header(String name, String value) {
		return new Answer(this.kind, this.status, with(this.headers, name, value), this.cookies, this.body);
	}

	/**
	 * Sets a cookie for all paths.
	 * @param name its name
	 * @param value its value
	 * @return a new answer
	 */
	public Answer cookie(String name, String value) {
		return new Answer(this.kind, this.status, this.headers, with(this.cookies, name, value), this.body);
	}

	private static Map<String, String> with(Map<String, String> map, String name, String value) {
		Map<String, String> copy = new LinkedHashMap<>(map);
		copy.put(name, value);
		return copy;
	}

	/** More than the body has, so that its end is missed. */
	int promisedLength() {
		return this.body.getBytes(StandardCharsets.UTF_8).length + 1;
	}

	enum Kind {

		WHOLE, HANG, HANG_MID_BODY, CLOSE_MID_BODY

	}

}
