package io.scopedasync.demo.gallery;

import java.util.Comparator;
import java.util.List;

import io.scopedasync.demo.Story;
import reactor.core.publisher.Mono;

import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;

/**
 * Lists the members and shows each one.
 */
@RestController
class GalleryController {

	private final List<Exhibit> exhibits;

	GalleryController(List<Exhibit> exhibits) {
		this.exhibits = exhibits;
	}

	@GetMapping("/gallery")
	List<Member> members() {
		return this.exhibits.stream()
			.sorted(Comparator.comparing(Exhibit::member))
			.map((exhibit) -> new Member("/gallery/" + exhibit.member(), exhibit.description()))
			.toList();
	}

	@GetMapping("/gallery/{member}")
	Mono<Story.Report> show(@PathVariable String member) {
		return this.exhibits.stream()
			.filter((exhibit) -> exhibit.member().equals(member))
			.findFirst()
			.map((exhibit) -> Story.of(exhibit::show))
			.orElseGet(() -> Mono.error(new ResponseStatusException(HttpStatus.NOT_FOUND,
					"The gallery has no '" + member + "': GET /gallery lists what it has.")));
	}

	/**
	 * A member.
	 *
	 * @param path where to see it
	 * @param description what there is to see
	 */
	record Member(String path, String description) {
	}

}
