package io.scopedasync.test;

import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.Extension;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;
import org.junit.platform.commons.support.HierarchyTraversalMode;
import org.junit.platform.commons.support.ReflectionSupport;

import io.scopedasync.AsyncScopes;
import io.scopedasync.leak.Leaks;

import org.springframework.context.ApplicationContext;
import org.springframework.test.context.junit.jupiter.SpringExtension;

/**
 * Finds what a test can leave something in: {@link AsyncScopes} and {@link Leaks}.
 */
final class Targets {

	private Targets() {
	}

	/** Beans of a Spring test. */
	static List<Object> ofContext(ExtensionContext context) {
		if (!isSpringTest(context)) {
			return List.of();
		}
		ApplicationContext spring = SpringExtension.getApplicationContext(context);
		List<Object> found = new ArrayList<>();
		spring.getBeanProvider(AsyncScopes.class).forEach(found::add);
		spring.getBeanProvider(Leaks.class).forEach(found::add);
		return found;
	}

	private static boolean isSpringTest(ExtensionContext context) {
		return Stream.concat(Stream.of(context.getRequiredTestClass()), context.getEnclosingTestClasses().stream())
			.flatMap((type) -> AnnotationSupport.findRepeatableAnnotations(type, ExtendWith.class).stream())
			.flatMap((registered) -> Stream.<Class<? extends Extension>>of(registered.value()))
			.anyMatch(SpringExtension.class::isAssignableFrom);
	}

	/** Values of the fields of a test. */
	static List<Object> ofFields(ExtensionContext context) {
		List<Object> found = new ArrayList<>();
		for (Object instance : context.getRequiredTestInstances().getAllInstances()) {
			for (Field field : ReflectionSupport.findFields(instance.getClass(), Targets::isOne,
					HierarchyTraversalMode.TOP_DOWN)) {
				ReflectionSupport.tryToReadFieldValue(field, instance).toOptional().ifPresent(found::add);
			}
		}
		return found;
	}

	private static boolean isOne(Field field) {
		return AsyncScopes.class.isAssignableFrom(field.getType()) || field.getType() == Leaks.class;
	}

}
