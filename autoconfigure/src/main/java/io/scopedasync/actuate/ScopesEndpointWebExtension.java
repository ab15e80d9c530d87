package io.scopedasync.actuate;

import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.actuate.endpoint.InvalidEndpointRequestException;
import org.springframework.boot.actuate.endpoint.OperationResponseBody;
import org.springframework.boot.actuate.endpoint.SecurityContext;
import org.springframework.boot.actuate.endpoint.Show;
import org.springframework.boot.actuate.endpoint.annotation.DeleteOperation;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.annotation.WriteOperation;
import org.springframework.boot.actuate.endpoint.web.WebEndpointResponse;
import org.springframework.boot.actuate.endpoint.web.annotation.EndpointWebExtension;
import org.springframework.core.io.ClassPathResource;
import org.springframework.util.MimeType;
import org.springframework.util.MimeTypeUtils;

/**
 * {@link EndpointWebExtension @EndpointWebExtension} of the {@link ScopesEndpoint}: adds
 * the inspector page, and answers mistakes with what to write instead.
 */
@EndpointWebExtension(endpoint = ScopesEndpoint.class)
public final class ScopesEndpointWebExtension {

	static final String PAGE = "io/scopedasync/actuate/inspector.html";

	/** Where the page is found among the scopes, whose names are numbers. */
	private static final String PAGE_ID = "ui";

	private static final MimeType PAGE_TYPE = new MimeType("text", "html", StandardCharsets.UTF_8);

	private final ScopesEndpoint endpoint;

	private final Show showValues;

	private final Set<String> roles;

	/**
	 * Creates the extension.
	 * @param endpoint what it extends
	 * @param showValues when keys and details are shown
	 * @param roles who sees them if they are shown when authorized
	 */
	public ScopesEndpointWebExtension(ScopesEndpoint endpoint, Show showValues, Set<String> roles) {
		this.endpoint = endpoint;
		this.showValues = showValues;
		this.roles = roles;
	}

	@ReadOperation
	WebEndpointResponse<OperationResponseBody> scopes(SecurityContext securityContext, @Nullable String name,
			@Nullable String state, @Nullable String minAge, @Nullable String limit) {
		return answer(() -> new WebEndpointResponse<>(
				this.endpoint.describe(ScopeFilter.of(name, state, minAge, limit), isShown(securityContext))));
	}

	/** The type is given, since a browser that asks for a scope prefers a page. */
	@ReadOperation(produces = { ScopesEndpoint.JSON_V3, ScopesEndpoint.JSON, ScopesEndpoint.HTML })
	WebEndpointResponse<?> scope(SecurityContext securityContext, @Selector String id) {
		if (id.equals(PAGE_ID)) {
			return new WebEndpointResponse<>(new ClassPathResource(PAGE, getClass().getClassLoader()), PAGE_TYPE);
		}
		return answer(() -> {
			OperationResponseBody scope = this.endpoint.describe(id, isShown(securityContext));
			return (scope != null) ? new WebEndpointResponse<>(scope, MimeTypeUtils.APPLICATION_JSON)
					: new WebEndpointResponse<>(WebEndpointResponse.STATUS_NOT_FOUND);
		});
	}

	@WriteOperation(produces = ScopesEndpoint.JSON)
	WebEndpointResponse<OperationResponseBody> change(@Selector String resource, @Nullable String permits,
			@Nullable String value) {
		return answer(() -> {
			this.endpoint.change(resource, permits, value);
			return new WebEndpointResponse<>(WebEndpointResponse.STATUS_NO_CONTENT);
		});
	}

	@DeleteOperation
	WebEndpointResponse<OperationResponseBody> cancel(@Selector String id) {
		return answer(() -> new WebEndpointResponse<>(this.endpoint.cancel(id) ? WebEndpointResponse.STATUS_NO_CONTENT
				: WebEndpointResponse.STATUS_NOT_FOUND));
	}

	private boolean isShown(SecurityContext securityContext) {
		return this.showValues.isShown(securityContext, this.roles);
	}

	/** Boot's own answer to a bad request leaves the reason out. */
	private static WebEndpointResponse<OperationResponseBody> answer(
			Supplier<WebEndpointResponse<OperationResponseBody>> operation) {
		try {
			return operation.get();
		}
		catch (InvalidEndpointRequestException ex) {
			return new WebEndpointResponse<>(new Refusal(ex.getReason()), WebEndpointResponse.STATUS_BAD_REQUEST,
					MimeTypeUtils.APPLICATION_JSON);
		}
	}

	/**
	 * Answer to a mistake.
	 *
	 * @param message names field, value and remedy
	 */
	record Refusal(@Nullable String message) implements OperationResponseBody {

	}

}
