package io.scopedasync.actuate;

import org.springframework.boot.WebApplicationType;

/**
 * On a servlet container.
 */
class ScopesEndpointMvcTests extends ScopesEndpointContract {

	@Override
	Application start() {
		return Application.start(WebApplicationType.SERVLET, Application.EXPOSED);
	}

}
