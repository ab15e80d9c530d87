package io.scopedasync.actuate;

import org.springframework.boot.WebApplicationType;

/**
 * On WebFlux, behind a port of its own.
 */
class ScopesEndpointSeparatePortTests extends ScopesEndpointContract {

	@Override
	Application start() {
		return Application.start(WebApplicationType.REACTIVE, Application.EXPOSED, Application.OWN_PORT,
				Application.OWN_ADDRESS);
	}

}
