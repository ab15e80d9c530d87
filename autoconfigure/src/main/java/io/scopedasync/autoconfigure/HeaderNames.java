package io.scopedasync.autoconfigure;

import java.util.regex.Pattern;

/**
 * Names of HTTP headers in properties.
 */
final class HeaderNames {

	/** A token of RFC 9110. */
	private static final Pattern TOKEN = Pattern.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+");

	private HeaderNames() {
	}

	/**
	 * Checks the name of a header.
	 * @throws InvalidSettingException if no header can have that name
	 */
	static void require(String property, String name) {
		if (!TOKEN.matcher(name).matches()) {
			throw new InvalidSettingException(property + " is '" + name + "', which is no name of a header",
					"Write a name such as X-Request-Timeout-Ms, or remove the property.");
		}
	}

}
