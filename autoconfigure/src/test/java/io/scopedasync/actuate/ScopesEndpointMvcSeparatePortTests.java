package io.scopedasync.actuate;

import org.springframework.boot.WebApplicationType;

/**
 * On a servlet container, behind a port of its own.
 */
class ScopesEndpointMvcSeparatePortTests extends ScopesEndpointContract {

	@Override
	Application start() {
		return Application.start(WebApplicationType.SERVLET, Application.EXPOSED, Application.OWN_PORT,
				Application.OWN_ADDRESS);
	}

}
