package io.scopedasync.actuate;

import org.springframework.boot.WebApplicationType;

/**
 * On WebFlux.
 */
class ScopesEndpointWebFluxTests extends ScopesEndpointContract {

	@Override
	Application start() {
		return Application.start(WebApplicationType.REACTIVE, Application.EXPOSED);
	}

}
