const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 560;
const LABELS = 92;

function svg(name, attributes, ...children) {
	const made = document.createElementNS(SVG, name);
	for (const [key, value] of Object.entries(attributes)) {
		made.setAttribute(key, value);
	}
	made.append(...children);
	return made;
}

function html(name, className, ...children) {
	const made = document.createElement(name);
	made.className = className;
	made.append(...children);
	return made;
}

/** One lane for each who did something, from its first event to its last. */
function lanes(events, millis) {
	const byName = group(events);
	const many = byName.size > 12;
	const height = many ? 4 : 22;
	const left = many ? 4 : LABELS;
	const x = (at) => left + (at / Math.max(millis, 1)) * (WIDTH - left - 8);
	const bottom = byName.size * height + 4;
	const drawing = svg("svg", { class: "lanes", viewBox: `0 0 ${WIDTH} ${bottom + 16}`, role: "img" },
		svg("title", {}, `Timeline of ${millis} milliseconds`));
	for (let tick = 0; tick <= 4; tick++) {
		const at = (millis * tick) / 4;
		drawing.append(svg("line", { x1: x(at), x2: x(at), y1: 0, y2: bottom }),
			svg("text", { x: x(at), y: bottom + 12, "text-anchor": tick === 0 ? "start" : tick === 4 ? "end" : "middle" },
				`${Math.round(at)} ms`));
	}
	let y = 2;
	for (const [who, its] of byName) {
		const [first, last] = [its[0].at, its.at(-1).at];
		drawing.append(svg("rect", {
			x: x(first), y: y + height * 0.2, height: height * 0.6, rx: Math.min(4, height * 0.3),
			width: Math.max(2, x(last) - x(first)),
		}, svg("title", {}, `${who}: ${first} to ${last} ms`)));
		if (!many) {
			drawing.append(svg("text", { x: 0, y: y + height * 0.66 }, who));
			its.forEach((event) => drawing.append(svg("circle", { cx: x(event.at), cy: y + height / 2, r: 3.5 },
				svg("title", {}, `${event.at} ms: ${event.what}`))));
		}
		y += height;
	}
	return drawing;
}

function group(events) {
	const groups = new Map();
	events.forEach((event) => groups.set(event.who, [...(groups.get(event.who) ?? []), event]));
	return groups;
}

function outcome(story) {
	if (story.error) {
		return html("span", "error", story.error);
	}
	const result = story.result ?? "no value";
	return html("span", "", "result: ", html("b", "", typeof result === "object" ? JSON.stringify(result) : String(result)));
}

/** Shows a story as a timeline and as a list. */
export function tell(host, title, name, story) {
	title.textContent = name;
	const items = story.events.map((event) => html("li", "", html("time", "", `${event.at} ms`),
		html("b", "", event.who), html("span", "", event.what)));
	host.replaceChildren(
		html("p", "verdict", html("span", "", "took ", html("b", "", `${story.millis} ms`)), outcome(story)),
		lanes(story.events, story.millis),
		html("ol", "events", ...items));
	host.dataset.millis = story.millis;
}
