package io.scopedasync.autoconfigure;

import java.beans.PropertyDescriptor;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

import org.springframework.beans.BeanUtils;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.boot.context.properties.bind.BindHandler;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.bind.DataObjectPropertyName;
import org.springframework.boot.context.properties.bind.UnboundConfigurationPropertiesException;
import org.springframework.boot.context.properties.bind.handler.NoUnboundElementsBindHandler;
import org.springframework.boot.context.properties.source.ConfigurationProperty;
import org.springframework.boot.context.properties.source.UnboundElementsSourceFilter;
import org.springframework.core.env.Environment;

/**
 * Binds properties each of which must have a meaning: a misspelt key of a limiter is an
 * error, not a limiter without that limit.
 */
final class StrictBinder {

	private final Binder binder;

	private final BindHandler handler = new NoUnboundElementsBindHandler(BindHandler.DEFAULT,
			new UnboundElementsSourceFilter());

	private final String kind;

	private final Class<?> settings;

	/**
	 * Creates the binder.
	 * @param kind what is configured, as an error calls it
	 * @param settings the bean that has the properties of one of them
	 */
	StrictBinder(Environment environment, String kind, Class<?> settings) {
		this.binder = Binder.get(environment);
		this.kind = kind;
		this.settings = settings;
	}

	/**
	 * Binds what there is.
	 * @throws InvalidSettingException if a key is none
	 */
	<T> Optional<T> bind(String prefix, Bindable<T> target) {
		try {
			return this.binder.bind(prefix, target, this.handler).map(Optional::of).orElseGet(Optional::empty);
		}
		catch (BindException ex) {
			if (ex.getCause() instanceof UnboundConfigurationPropertiesException unbound) {
				throw unknown(unbound);
			}
			throw ex;
		}
	}

	private InvalidSettingException unknown(UnboundConfigurationPropertiesException unbound) {
		String properties = unbound.getUnboundProperties()
			.stream()
			.map(StrictBinder::described)
			.collect(Collectors.joining(", "));
		String keys = Arrays.stream(BeanUtils.getPropertyDescriptors(this.settings))
			.map(PropertyDescriptor::getName)
			.filter((name) -> !name.equals("class"))
			.map(DataObjectPropertyName::toDashedForm)
			.sorted()
			.collect(Collectors.joining(", "));
		return new InvalidSettingException("A " + this.kind + " has no property " + properties,
				"Correct or remove it. A " + this.kind + " has " + keys + ".");
	}

	private static String described(ConfigurationProperty property) {
		return (property.getOrigin() != null) ? property.getName() + " (" + property.getOrigin() + ")"
				: property.getName().toString();
	}

}
