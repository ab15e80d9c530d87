package io.scopedasync.autoconfigure;

import java.util.function.Function;

import org.jspecify.annotations.Nullable;

/**
 * A value and the property that it came from: that of the resource itself, else that of
 * the defaults.
 *
 * @param value null if neither says anything
 * @param property the property
 * @param own whether it is the resource's
 */
record Setting<T>(@Nullable T value, String property, boolean own) {

	/**
	 * Where the properties of a kind of resource are.
	 *
	 * @param own properties of the resource
	 * @param prefix their prefix
	 * @param defaults properties of the defaults
	 * @param defaultsPrefix their prefix
	 */
	record Sources<P>(P own, String prefix, P defaults, String defaultsPrefix) {

		<T> Setting<T> get(String key, Function<? super P, @Nullable T> getter) {
			T value = getter.apply(this.own);
			T byDefault = getter.apply(this.defaults);
			if (value == null && byDefault != null) {
				return new Setting<>(byDefault, this.defaultsPrefix + "." + key, false);
			}
			return new Setting<>(value, this.prefix + "." + key, true);
		}

	}

}
