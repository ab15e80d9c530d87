package io.scopedasync.webclient;

import reactor.core.publisher.Flux;

import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.ResponseCookie;
import org.springframework.http.client.reactive.ClientHttpResponse;
import org.springframework.util.MultiValueMap;

/**
 * An answer whose body is read under the eyes of its {@link Exchange}.
 */
final class SessionResponse implements ClientHttpResponse {

	private final ClientHttpResponse response;

	private final Exchange exchange;

	SessionResponse(ClientHttpResponse response, Exchange exchange) {
		this.response = response;
		this.exchange = exchange;
	}

	@Override
	public String getId() {
		return this.response.getId();
	}

	@Override
	public HttpStatusCode getStatusCode() {
		return this.response.getStatusCode();
	}

	@Override
	public HttpHeaders getHeaders() {
		return this.response.getHeaders();
	}

	@Override
	public MultiValueMap<String, ResponseCookie> getCookies() {
		return this.response.getCookies();
	}

	@Override
	public Flux<DataBuffer> getBody() {
		return new SessionBody(this.response, this.exchange);
	}

}
