import { Plot } from "./plot.js";
import { tell } from "./story.js";

const EVERY = 200;
const FLOOD = Array.from({ length: 200 }, (_, i) => `S${String(i + 1).padStart(3, "0")}`).join(",");

const $ = (id) => document.getElementById(id);

const working = new Plot($("working"), [
	{ label: "permits borrowed", color: "--green" },
	{ label: "upstream at work", color: "--blue" },
], 12);
const waiting = new Plot($("waiting"), [
	{ label: "waiting for a permit", color: "--amber" },
	{ label: "open scopes", color: "--blue" },
], 20);

/** Builds an element; text is never read as markup. */
function element(name, attributes = {}, ...children) {
	const made = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) {
		made.setAttribute(key, value);
	}
	made.append(...children);
	return made;
}

function facts(entries) {
	return element("p", { class: "facts" }, ...entries.flatMap(([label, value, bad]) =>
		[element("span", bad ? { class: "bad" } : {}, `${label} `, element("b", {}, String(value))), " "]));
}

function slots(total, on, idle = 0) {
	return element("div", { class: "slots", "aria-hidden": "true" }, ...Array.from({ length: total },
		(_, i) => element("i", { class: i < on ? "on" : i < on + idle ? "idle" : "" })));
}

function card(name, kind, ...content) {
	return element("article", { class: "card", "data-name": name },
		element("h2", {}, name, element("small", {}, kind)), ...content);
}

function show(state) {
	const limiters = Object.entries(state.limiters);
	const sum = (field) => limiters.reduce((all, [, limiter]) => all + limiter[field], 0);
	const cards = limiters.map(([name, it]) => card(name, "limiter", slots(it.total, it.borrowed),
		facts([["borrowed", `${it.borrowed} of ${it.total}`], ["waiting", it.waiting]])));
	for (const [name, it] of Object.entries(state.sessions)) {
		cards.push(card(name, "sessions", slots(it.max, it.active, it.idle),
			facts([["in use", it.active], ["idle", it.idle], ["waiting", it.pending]])));
	}
	if (state.upstream) {
		const it = state.upstream;
		cards.push(card("upstream", `serves ${it.capacity}`, slots(it.capacity, it.atOnce),
			facts([["requests", it.requests], ["429", it.refused, it.refused > 0],
				["most at once", it.mostAtOnce], ["logins", it.logins]])));
	}
	cards.push(card("leaks", "open too long",
		facts([["now", state.leaks.open, state.leaks.open > 0], ["overdue so far", state.leaks.overdue],
			["recovered", state.leaks.recovered]])));
	$("cards").replaceChildren(...cards);

	$("open-count").textContent = state.openScopes;
	$("scopes").replaceChildren(...(state.oldest.length ? state.oldest.map(row)
		: [element("tr", {}, element("td", { colspan: 4, class: "empty" }, "None."))]));

	working.add([sum("borrowed"), state.upstream ? state.upstream.atOnce : 0]);
	waiting.add([sum("waiting"), state.openScopes]);
}

function row(scope) {
	return element("tr", scope.overdue ? { class: "overdue" } : {},
		element("td", { title: scope.name }, scope.name),
		element("td", {}, scope.state.toLowerCase() + (scope.overdue ? ", overdue" : "")),
		element("td", {}, scope.resources.join(", ")),
		element("td", { class: "age" }, `${(scope.ageMillis / 1000).toFixed(1)} s`));
}

function link(state, text) {
	$("link").dataset.state = state;
	$("link").textContent = text;
}

async function poll() {
	try {
		const answer = await fetch("/state", { signal: AbortSignal.timeout(2000) });
		show(await answer.json());
		link("live", "live");
	}
	catch {
		link("lost", "no answer");
	}
	setTimeout(poll, EVERY);
}

const enabled = (button, yes) => button.setAttribute("aria-disabled", String(!yes));

/** Runs a button's work, one at a time. The button keeps the focus meanwhile. */
function onPress(button, work) {
	button.addEventListener("click", async () => {
		if (button.getAttribute("aria-disabled") === "true") {
			return;
		}
		enabled(button, false);
		await work();
		enabled(button, true);
	});
}

/** Tells what came of a request: the story in its answer, or else what this page saw of it. */
async function request(title, url, options, read) {
	const start = performance.now();
	let story;
	try {
		const answer = await fetch(url, options);
		const body = await answer.text();
		story = answer.ok ? read(body) : { error: `${answer.status} ${body}` };
	}
	catch (error) {
		story = { error: error.name === "AbortError" ? "cancelled by the page" : String(error) };
	}
	const millis = Math.round(performance.now() - start);
	tell($("story"), $("story-title"), title, {
		millis,
		events: [{ at: 0, who: "page", what: "asks" }, { at: millis, who: "page", what: story.error ?? "has the answer" }],
		...story,
	});
}

for (const button of document.querySelectorAll("[data-run]")) {
	const url = button.dataset.run;
	onPress(button, () => request(`GET ${url}`, url, {}, JSON.parse));
}

fetch("/gallery").then((answer) => answer.json()).then((members) => members.forEach(({ path, description }) => {
	const option = new Option(path.split("/").at(-1), path);
	option.title = description;
	$("member").append(option);
}));

onPress($("visit"), () => {
	const url = $("member").value;
	return request(`GET ${url}`, url, {}, JSON.parse);
});

let flood = new AbortController();

onPress($("flood"), async () => {
	flood = new AbortController();
	enabled($("cancel"), true);
	await request("GET /quotes", `/quotes?symbols=${FLOOD}`, { signal: flood.signal },
		(body) => ({ result: `${JSON.parse(body).length} quotes` }));
	enabled($("cancel"), false);
});

// Nothing else is needed: the connection closes, and the gateway cancels what nobody waits for.
$("cancel").addEventListener("click", () => flood.abort());

onPress($("hold"), () => request("POST /hold", "/hold", { method: "POST" }, (body) => ({ result: body })));

poll();
