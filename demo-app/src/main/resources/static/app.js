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
		cards.push(card("upstream", "serves 10 at once", slots(it.capacity, it.atOnce),
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

/** Keeps a button busy for as long as its work lasts. */
async function busy(button, work) {
	button.setAttribute("aria-busy", "true");
	button.disabled = true;
	try {
		await work();
	}
	finally {
		button.removeAttribute("aria-busy");
		button.disabled = false;
	}
}

/** Notes what a call from this page did, in the words of the programs' stories. */
async function call(name, url, options) {
	const start = performance.now();
	const elapsed = () => Math.round(performance.now() - start);
	const story = { events: [{ at: 0, who: "page", what: url.length > 40 ? `${url.slice(0, 40)}…` : url }] };
	try {
		const answer = await fetch(url, options);
		const body = await answer.text();
		story.result = answer.ok ? name(body) : undefined;
		story.error = answer.ok ? undefined : `${answer.status} ${body}`;
	}
	catch (error) {
		story.error = error.name === "AbortError" ? "cancelled by the page" : String(error);
	}
	story.millis = elapsed();
	story.events.push({ at: story.millis, who: "page", what: story.error ?? story.result });
	return story;
}

for (const button of document.querySelectorAll("[data-run]")) {
	button.addEventListener("click", () => busy(button, async () => {
		const url = button.dataset.run;
		tell($("story"), $("story-title"), `GET ${url}`, await (await fetch(url)).json());
	}));
}

$("flood").addEventListener("click", (event) => busy(event.currentTarget, async () => {
	const flood = new AbortController();
	const cancel = () => flood.abort();
	$("cancel").disabled = false;
	$("cancel").addEventListener("click", cancel);
	const story = await call((body) => `${JSON.parse(body).length} quotes`, `/quotes?symbols=${FLOOD}`,
		{ signal: flood.signal });
	$("cancel").removeEventListener("click", cancel);
	$("cancel").disabled = true;
	tell($("story"), $("story-title"), "flood", story);
}));

$("hold").addEventListener("click", (event) => busy(event.currentTarget, async () => {
	tell($("story"), $("story-title"), "hold", await call((body) => body, "/hold", { method: "POST" }));
}));

poll();
