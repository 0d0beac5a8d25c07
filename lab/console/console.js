// The lab's part of the page: what the checker says as the demo goes on, the nodes and what can be done to them, and
// faults on one key. It reads `console/state` twice a second, and posts to `console/do`. Texts of the lab may hold what
// others sent: they become text nodes, never HTML.

const POLL = 500; // ms
const GUESSES = [
	{ id: "nothing", text: "Nothing is lost, nobody else waits" },
	{ id: "waits", text: "Others wait, nothing is lost" },
	{ id: "lost", text: "Lines are lost" },
	{ id: "doubled", text: "Lines come twice" },
];
const WORDS = { nothing: "nothing lost, nobody else waits", waits: "others wait, nothing lost", lost: "lines are lost", doubled: "lines come twice" };
const LABELS = { kill: "Kill", restart: "Restart", freeze: "Freeze", thaw: "Thaw", cut: "Cut off", reconnect: "Reconnect" };
const DOES = { kill: "is killed with SIGKILL", freeze: "is frozen, with all its connections open", cut: "is cut off from the network" };
const PACES = [0, 0.5, 1, 3, 10, 30, 100, 500];
const NUMBER = new Intl.NumberFormat("en");

let api, lab = null, before = null, ask, level = "";
const parts = {};

export function start(given) {
	api = given;
	makeVerdict(api.panel("verdict", "The checker", { before: "topology" }));
	makeFaults(api.panel("faults", "Break something", { before: "lines" }));
	makeNodes(api.panel("nodes", "Nodes", { before: "clients" }));
	makeQuestion();
	api.setTopology(picture);
	document.addEventListener("keydown", onKey);
	document.addEventListener("visibilitychange", () => !document.hidden && poll());
	poll();
	setInterval(poll, POLL);
}

let polling = false;

async function poll() {
	if (polling || document.hidden || lab?.verdict) return;
	polling = true;
	try {
		before = lab && { at: lab.at, lines: new Map(lab.nodes.map((n) => [n.name, n.lines])) };
		lab = { ...(await (await api.request("console/state")).json()), at: performance.now() };
		show();
		if (lab.verdict) end(lab.verdict);
	} catch (e) {
		lab = before && lab;
		api.put(parts.sentence, "The lab does not answer: it has ended, or is being started again.");
		parts.sentence.dataset.level = "warn";
	} finally {
		polling = false;
	}
}

async function order(what) {
	try {
		await api.request("console/do", { method: "POST", body: JSON.stringify(what), headers: { "Content-Type": "application/json" } });
	} catch (e) {
		api.notice(e.message, "bad");
	}
	await poll();
}

function end(verdict) {
	api.ended(`The demo has ended. ${verdict.headline} ${(verdict.notes ?? []).join(" ")}`, verdict.level);
}

// What the checker says

function makeVerdict(panel) {
	parts.sentence = api.el("p", { className: "sentence" });
	parts.figures = api.el("dl", { className: "verdict" });
	for (const [key, title] of [["lost", "Lost"], ["doubled", "Doubled"], ["reordered", "Reordered"], ["invented", "Invented"]]) {
		parts[key] = api.el("dd");
		parts.figures.append(api.el("div", {}, api.el("dt", { textContent: title }), parts[key]));
	}
	parts.wrong = api.el("ul", { className: "wrong" });
	panel.append(parts.sentence, parts.figures, parts.wrong);
}

function showVerdict() {
	let bad = lab.unknown > 0 || lab.other > 0;
	for (const key of ["lost", "doubled", "reordered", "invented"]) {
		api.put(parts[key], NUMBER.format(lab[key]));
		parts[key].dataset.level = lab[key] ? "bad" : "good";
		bad ||= lab[key] > 0;
	}
	const lines = `${NUMBER.format(lab.lines)} line${lab.lines === 1 ? "" : "s"}`;
	const subscribers = lab.nodes.filter((n) => n.role === "subscriber").length;
	const now = lab.verdict ? lab.verdict.level : bad ? "bad" : "good";
	const sentence = lab.verdict ? lab.verdict.headline : bad ? `Not everything is right among ${lines}.`
		: `Of ${lines} to ${subscribers} subscriber${subscribers === 1 ? "" : "s"}, none is lost, doubled, reordered or invented.`;
	if (now !== level && level) api.say(sentence);
	level = parts.sentence.dataset.level = now;
	api.put(parts.sentence, sentence);
	const wrong = lab.verdict ? (lab.verdict.notes ?? []) : lab.faults.slice(0, 5);
	parts.wrong.replaceChildren(...wrong.map((text) => {
		const item = api.el("li");
		api.put(item, text);
		return item;
	}));
}

// Faults

function makeFaults(panel) {
	parts.scenarios = api.el("div", { className: "scenarios" });
	// It has its height from the beginning: what comes into it moves no button from under a finger.
	const outcome = api.el("div", { className: "outcome", tabIndex: 0, role: "group", ariaLabel: "What came of it" });
	parts.none = api.el("p", { className: "why", textContent: "Press a button, here or at a node. What happens is shown here, beside what you said would happen." });
	parts.step = api.el("p", { className: "step", hidden: true });
	parts.stop = api.el("button", { type: "button", textContent: "End it", onclick: () => order({ do: "stop" }) });
	parts.stepText = api.el("span");
	parts.step.append(parts.stepText, " ", parts.stop);
	parts.results = api.el("ol", { className: "results" });
	outcome.append(parts.none, parts.step, parts.results);
	panel.append(parts.scenarios, outcome);
}

function showFaults() {
	while (parts.scenarios.children.length < lab.scenarios.length) {
		parts.scenarios.append(api.el("button", { type: "button" }, api.el("kbd"), api.el("span")));
	}
	lab.scenarios.forEach((s, i) => {
		const button = parts.scenarios.children[i];
		api.put(button.children[0], s.key);
		api.put(button.children[1], s.title + (s.unable ? ` (${s.unable})` : ""));
		button.disabled = Boolean(s.unable || lab.running || lab.ending);
		button.title = s.unable || s.about;
		button.setAttribute("aria-keyshortcuts", s.key);
		button.dataset.running = lab.running === s.key;
		button.onclick = () => play(s);
	});
	parts.step.hidden = !lab.running;
	api.put(parts.stepText, lab.step || "it begins");
	showResults();
}

function showResults() {
	const shown = lab.results.slice(0, 3);
	parts.none.hidden = lab.running || shown.length > 0;
	parts.results.replaceChildren(...shown.map((r) => {
		const what = api.el("b"), said = api.el("p"), found = api.el("p"), why = api.el("p", { className: "why" });
		api.put(what, `${r.what}, ${Math.round(r.ago)} s ago`);
		const outcome = r.failed || r.outcome.map((o) => WORDS[o]).join(", ");
		const numbers = [`${r.lost} lost`, `${r.doubled} doubled`, ...(r.other ? [`${r.other} otherwise wrong`] : [])].join(", ");
		api.put(found, `${r.over ? "The checker" : "The checker, so far"}: ${outcome} (${numbers}).${r.waited?.length ? ` Who waited: ${r.waited.join(", ")}.` : ""}`);
		if (r.guess) api.put(said, `You said: ${WORDS[r.guess]}. ${r.over ? (r.right ? "✔ Right." : "✘ Not so.") : ""}`);
		said.dataset.level = !r.over ? "" : r.right ? "good" : "warn";
		api.put(why, `Promised (docs/guarantees.md, ${r.guarantee.section}): “${r.guarantee.fault}”: ${r.guarantee.promise}.`);
		return api.el("li", {}, what, ...(r.guess ? [said] : []), found, why);
	}));
}

const play = (s) => question(s.title, s.about, (guess) => order({ do: "scenario", scenario: s.key, guess }));

// question asks what will happen; one click answers it, and begins.
function question(title, about, then) {
	api.put(ask.title, title);
	api.put(ask.about, about);
	ask.then = then;
	ask.dialog.showModal();
}

function makeQuestion() {
	ask = { dialog: api.el("dialog", { id: "question" }), title: api.el("h2", { id: "question-title" }), about: api.el("p") };
	ask.dialog.setAttribute("aria-labelledby", "question-title");
	const answer = (guess) => () => {
		ask.dialog.close();
		ask.then(guess);
	};
	const guesses = api.el("div", { className: "guesses" });
	GUESSES.forEach((g, i) => {
		const button = api.el("button", { type: "button", onclick: answer(g.id) }, api.el("kbd", { textContent: i + 1 }), api.el("span", { textContent: g.text }));
		button.dataset.guess = g.id;
		guesses.append(button);
	});
	ask.guesses = guesses;
	ask.dialog.append(ask.title, ask.about, api.el("p", { className: "wanted", textContent: "What will happen? One click says it, and begins." }), guesses,
		api.el("p", { className: "row" }, api.el("button", { type: "button", textContent: "Begin without a guess", onclick: answer("") }),
			api.el("button", { type: "button", textContent: "Do not", onclick: () => ask.dialog.close() })));
	document.body.append(ask.dialog);
}

function onKey(event) {
	if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
	const buttons = ask.dialog.open ? ask.guesses.children : parts.scenarios.children;
	const button = buttons[Number(event.key) - 1];
	if (!button || button.disabled) return;
	event.preventDefault();
	button.click();
}

// Nodes

function makeNodes(panel) {
	parts.pace = api.el("select", { id: "pace", onchange: () => order({ do: "pace", pace: Number(parts.pace.value) }) });
	parts.keep = api.el("input", { type: "checkbox", id: "keep", onchange: () => order({ do: "keep", keep: parts.keep.checked }) });
	const add = (role) => api.el("button", { type: "button", textContent: `Add a ${role}`, onclick: () => order({ do: "add", role }) });
	parts.mode = api.el("p", { className: "under" });
	parts.rows = api.el("tbody");
	const head = api.el("tr", {}, ...["Node", "State", "Lines", "Behind", "Actions"].map((textContent) => api.el("th", { scope: "col", textContent })));
	panel.append(
		api.el("p", { className: "controls" },
			api.el("label", { htmlFor: "pace", textContent: "Pace of the scripts" }), parts.pace,
			api.el("label", { className: "check" }, parts.keep, " Keep the demo going"), add("subscriber"), add("publisher")),
		api.el("table", { className: "nodes" }, api.el("thead", {}, head), parts.rows), parts.mode);
}

function showNodes() {
	const paces = PACES.includes(lab.pace) ? PACES : [...PACES, lab.pace].sort((a, b) => a - b);
	if (parts.pace.children.length !== paces.length || !paces.includes(Number(parts.pace.value))) {
		parts.pace.replaceChildren(...paces.map((p) => api.el("option", { value: p, textContent: p ? `${Math.round(p * 10) / 10} line${p === 1 ? "" : "s"}/s each` : "stopped" })));
	}
	if (document.activeElement !== parts.pace) parts.pace.value = lab.pace;
	parts.keep.checked = lab.keep;
	const rows = new Map(Array.from(parts.rows.children, (e) => [e.dataset.name, e]));
	for (const n of lab.nodes) showNode(rows.get(n.name) ?? row(n), n);
	api.put(parts.mode, `Nodes are ${lab.mode}.${lab.noCut ? ` Nobody can be cut off: ${lab.noCut}.` : ""}`);
}

function row(n) {
	const tr = api.el("tr", {}, api.el("th", { scope: "row" }), ...["", "num", "num", "do"].map((className) => api.el("td", { className })));
	tr.dataset.name = n.name;
	parts.rows.append(tr);
	return tr;
}

function showNode(tr, n) {
	api.put(tr.cells[0], n.as && n.as !== n.name ? `${n.name} (${n.as})` : n.name);
	tr.dataset.state = n.failed ? "failed" : n.state;
	api.put(tr.cells[1], n.text + (n.silent ? `, nothing for ${n.silent} s` : "") + (n.failed && n.last.length ? `: ${n.last.at(-1)}` : ""));
	tr.cells[1].title = n.last.join("\n");
	api.put(tr.cells[2], n.role === "publisher" || n.role === "subscriber" ? NUMBER.format(n.lines) : "");
	api.put(tr.cells[3], n.role === "subscriber" && n.state !== "ended" ? NUMBER.format(n.behind) : "");
	const actions = n.actions ?? [];
	const cell = tr.cells[4];
	if (cell.dataset.actions === actions.join()) return;
	cell.dataset.actions = actions.join();
	cell.replaceChildren(...actions.map((action) => {
		const button = api.el("button", { type: "button", textContent: LABELS[action], onclick: () => act(n, action) });
		button.dataset.do = action;
		button.ariaLabel = `${LABELS[action]} ${n.name}`;
		return button;
	}));
}

function act(n, action) {
	if (!n.breaks.includes(action)) return order({ do: action, node: n.name });
	question(`${LABELS[action]} ${n.name}`, `${n.name} ${DOES[action]}.`, (guess) => order({ do: action, node: n.name, guess }));
}

// The picture: the lab's nodes as they are, and besides them who joined in

function picture(connz) {
	if (!lab) return null;
	const seconds = before ? (lab.at - before.at) / 1000 : 0;
	const there = new Map((connz?.connections ?? []).map((c) => [`${c.role.toLowerCase()} ${c.name}`, c]));
	const node = (n) => {
		const connection = there.get(`${n.role} ${n.as || n.name}`);
		there.delete(`${n.role} ${n.as || n.name}`);
		const rate = seconds > 0 ? Math.max(0, n.lines - (before.lines.get(n.name) ?? n.lines)) / seconds : undefined;
		const state = n.failed ? "failed" : ({ running: connection?.waiting ? "waiting" : "up" }[n.state] ?? n.state);
		return {
			id: n.name, name: n.as || n.name, rate, state, topic: connection?.topic ?? "", broker: connection?.broker,
			detail: n.role === "publisher" || n.role === "subscriber" ? `${NUMBER.format(n.lines)} line${n.lines === 1 ? "" : "s"}` : n.text,
			word: n.state === "ended" ? n.text : n.state !== "running" ? n.state : n.silent ? `nothing for ${n.silent} s` : n.behind ? `${NUMBER.format(n.behind)} behind` : "",
			actions: (n.actions ?? []).map((action) => ({ label: LABELS[action], run: () => act(n, action) })),
		};
	};
	const of = (role) => lab.nodes.filter((n) => n.role === role).map(node);
	const model = { publishers: of("publisher"), brokers: of("broker"), nats: of("stream"), subscribers: of("subscriber") };
	for (const c of there.values()) {
		const guest = { id: `${c.role} ${c.broker} ${c.name} ${c.since}`, name: c.name.startsWith("page-") ? "a page" : c.name, detail: "joined in", state: c.waiting ? "waiting" : "up", topic: c.topic, broker: c.broker };
		(c.role === "PUBLISHER" ? model.publishers : model.subscribers).push(guest);
	}
	return model;
}

function show() {
	showVerdict();
	showFaults();
	showNodes();
}
