package io.scopedasync.autoconfigure;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Names of resources as keys of properties.
 */
final class ResourceNames {

	private static final Pattern NAME = Pattern.compile("[\\p{L}\\p{N}][\\p{L}\\p{N}._-]*");

	private ResourceNames() {
	}

	/**
	 * Checks a name.
	 * @throws InvalidSettingException if no bean can be asked for by it
	 */
	static void requireUsable(String kind, String prefix, String name) {
		if (!NAME.matcher(name).matches()) {
			throw new InvalidSettingException(
					"The " + kind + " name '" + name + "' is not one that a bean can be asked by",
					"Begin with a letter or a digit, and go on with letters, digits, '-', '.' and '_' ("
							+ "the last two in brackets: " + prefix + ".\"[my." + kind + "]\").");
		}
	}

	/**
	 * The environment variable SCOPEDASYNC_LIMITERS_QUOTESLIMIT_PERMITS is meant for
	 * quotes-limit, and is bound to it; that it is bound to a further limiter quoteslimit
	 * as well is not meant.
	 */
	static <T> Map<String, T> withoutTwins(Map<String, T> resources) {
		Map<String, String> names = new LinkedHashMap<>();
		for (String name : resources.keySet()) {
			names.merge(uniform(name), name, (one, other) -> isUniform(one) ? other : one);
		}
		Map<String, T> result = new LinkedHashMap<>(resources);
		result.keySet().removeIf((name) -> isUniform(name) && !name.equals(names.get(uniform(name))));
		return result;
	}

	private static String uniform(String name) {
		return name.toLowerCase(Locale.ROOT).replace("-", "");
	}

	private static boolean isUniform(String name) {
		return name.equals(uniform(name));
	}

}
