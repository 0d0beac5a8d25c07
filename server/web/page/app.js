// The page of a broker. It reads `connz` once a second, follows `subscribe` as a stream, and posts
// to `publish`; all three lie below the page's own address. Names, topics and lines are strangers'
// text: they become text nodes, never HTML. Order of this file: text, elements, requests, the
// stream, drawing lines, the clock, the picture, forms, tabs, start.

const DRAWN = 50; // lines a second that are drawn at most
const SLOT = 200; // ms in which a share of them is drawn
const ROWS = 200; // lines that stay on the page
const KEPT = { lines: 20_000, chars: 16 << 20 }; // of what was seen: for the download and for pausing
const NODES = 8; // of each kind in the picture
const STREAMS = 4; // tabs that follow the broker: browsers open six connections to a server, and other requests need some

// Text

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const few = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const count = (n, one, many = one + "s") => `${number.format(n)} ${n === 1 ? one : many}`;
const bytes = (n) => (n < 1e3 ? `${n} B` : n < 1e6 ? `${few.format(n / 1e3)} KB` : `${few.format(n / 1e6)} MB`);
const rateText = (n) => (n == null ? "–" : n > 0 && n < 10 ? few.format(n) : number.format(n));
const timeText = (time) => clock.format(new Date(time));
const momentText = (time) => timeText(time) + time.slice(19, 23);

// What would be obeyed, hidden, or shown in another order: the characters of
// protocol/testdata/hidden.txt, tabs left out.
const hidden =
	/[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Variation_Selector}\p{Noncharacter_Code_Point}]--[\t\ufe0e\ufe0f\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]]/v;
const hiddenAll = new RegExp(hidden, "gv");

function escapeOf(char) {
	const code = char.codePointAt(0);
	const [mark, digits] = code < 0x80 ? ["\\x", 2] : code < 0x10000 ? ["\\u", 4] : ["\\U", 8];
	return mark + code.toString(16).padStart(digits, "0");
}

const visible = (text) => text.replace(hiddenAll, escapeOf);

// Elements

const $ = (id) => document.getElementById(id);

function el(tag, props = {}, ...children) {
	const e = Object.assign(document.createElement(tag), props);
	e.append(...children);
	return e;
}

// put makes text the whole content of e, with what is hidden in it made visible and marked.
function put(e, text) {
	if (e.putText === text) return;
	e.putText = text;
	if (!hidden.test(text)) {
		e.textContent = text;
		return;
	}
	const parts = [];
	let at = 0;
	for (const match of text.matchAll(hiddenAll)) {
		parts.push(text.slice(at, match.index), el("span", { className: "esc", textContent: escapeOf(match[0]) }));
		at = match.index + match[0].length;
	}
	e.replaceChildren(...parts, text.slice(at));
}

// list makes the children of parent those of items, keeping the elements that stay (and with them
// the focus).
function list(parent, items, make, fill) {
	const old = new Map(Array.from(parent.children, (e) => [e.dataset.id, e]));
	items.forEach((item, i) => {
		let e = old.get(item.id);
		if (!e) {
			e = make(item);
			e.dataset.id = item.id;
		}
		old.delete(item.id);
		fill(e, item);
		if (parent.children[i] !== e) parent.insertBefore(e, parent.children[i] ?? null);
	});
	for (const e of old.values()) e.remove();
}

let saidAt = -Infinity, sayTimer = 0;

// say tells a screen reader, at most once in five seconds: what comes meanwhile is left out but for
// the last.
function say(text) {
	clearTimeout(sayTimer);
	sayTimer = setTimeout(() => {
		saidAt = performance.now();
		put($("say"), text);
	}, Math.max(0, saidAt + 5000 - performance.now()));
}

const notices = new Map();

// notice shows what somebody has to know, one of each source and the newest of them; no text takes
// it away.
function notice(source, text, kind = "warn", act) {
	if (notices.get(source)?.text !== text && text) say(text);
	notices.delete(source);
	if (text) notices.set(source, { text, kind, act });
	const last = notices.get("end") ?? [...notices.values()].at(-1); // nothing is news after the end
	$("notice").hidden = !last;
	if (!last) return;
	$("notice").dataset.kind = last.kind;
	put($("notice-text"), last.text);
	$("notice-act").hidden = !last.act;
	$("notice-act").textContent = last.act?.label ?? "";
	$("notice-act").onclick = last.act?.run ?? null;
}

function state(kind, text) {
	$("state").dataset.state = kind;
	if ($("state-text").putText && $("state-text").putText !== text) say(text);
	put($("state-text"), text);
}

function kept(storage, key, value) {
	try {
		if (value === undefined) return storage.getItem(key) ?? "";
		storage.setItem(key, value);
	} catch {
		// a browser that keeps nothing
	}
	return "";
}

// Requests

const fragment = new URLSearchParams(location.hash.slice(1));
if (fragment.has("token")) {
	kept(sessionStorage, "token", fragment.get("token"));
	history.replaceState(null, "", location.pathname + location.search);
}
let token = fragment.get("token") ?? kept(sessionStorage, "token");

// request is fetch with the token; an answer that is none becomes an Error with its status and what
// the broker said.
async function request(path, options = {}) {
	const headers = new Headers(options.headers);
	if (token) headers.set("Authorization", `Bearer ${token}`);
	const answer = await fetch(path, { cache: "no-store", ...options, headers });
	if (answer.ok) return answer;
	const said = await answer.json().catch(() => ({}));
	throw Object.assign(new Error(said.error ?? `the server answers ${answer.status}`), { status: answer.status, said });
}

function askToken(why) {
	state("wait", "Token wanted");
	if (!$("entry").hidden) return;
	$("entry").hidden = false;
	notice("token", token && why, "bad");
	$("token").focus();
}

// The stream

// What was seen, as JSON: the newest, up to KEPT.
const seen = { items: [], first: 0, chars: 0 };

function keep(data) {
	seen.items.push(data);
	seen.chars += data.length;
	while (seen.chars > KEPT.chars || seen.items.length - seen.first > KEPT.lines) {
		seen.chars -= seen.items[seen.first].length;
		seen.items[seen.first++] = "";
	}
	if (seen.first > KEPT.lines) {
		seen.items = seen.items.slice(seen.first);
		seen.first = 0;
	}
}

const lastSeen = (n) => seen.items.slice(Math.max(seen.first, seen.items.length - n));

// next is the position that is asked for when the stream has broken; 0 asks for what `from` says.
const feed = { topic: "", from: "-30", next: 0, journal: "", heard: 0, name: `page-${Math.random().toString(36).slice(2, 10)}`, live: false, stop: null };
const total = { received: 0, drawn: 0, missing: 0 };

function startFeed() {
	stopFeed();
	feed.stop = new AbortController();
	state("wait", "Connecting");
	follow(feed.stop.signal);
}

function stopFeed() {
	feed.stop?.abort();
	feed.stop = null;
	feed.live = false;
}

async function follow(signal) {
	for (let failures = 0; !signal.aborted; ) {
		try {
			const query = new URLSearchParams({ name: feed.name, from: feed.next || feed.from });
			if (feed.topic) query.set("topic", feed.topic);
			const answer = await request(`subscribe?${query}`, { signal });
			failures = 0;
			await readEvents(answer.body);
		} catch (e) {
			if (signal.aborted) return;
			if (e.status === 401) return askToken(e.message);
			if (e.final || (e.status >= 400 && e.status < 500)) {
				state("down", "Not watching");
				return notice("stream", e.message, "bad", { label: "Watch again", run: startFeed });
			}
			if (e.again) continue;
			if (e.status) notice("stream", e.message);
		}
		if (signal.aborted) return;
		feed.live = false;
		state("down", "Reconnecting");
		await new Promise((done) => setTimeout(done, Math.min(5000, 400 * 2 ** failures++)));
	}
}

async function readEvents(body) {
	let rest = "";
	for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
		feed.heard = performance.now();
		rest += chunk;
		let at = 0;
		for (let end; (end = rest.indexOf("\n\n", at)) >= 0; at = end + 2) readEvent(rest.slice(at, end));
		rest = rest.slice(at);
		schedule();
	}
}

function readEvent(text) {
	let id = 0, name = "", data = "";
	for (const line of text.split("\n")) {
		if (line.startsWith("data: ")) data = line.slice(6);
		else if (line.startsWith("id: ")) id = Number(line.slice(4));
		else if (line.startsWith("event: ")) name = line.slice(7);
	}
	if (!data) return;
	if (name === "registered") return registered(JSON.parse(data));
	if (name === "end") {
		const { error, again } = JSON.parse(data);
		throw Object.assign(new Error(error), { final: !again });
	}
	if (name === "") {
		feed.next = id + 1;
		total.received++;
	} else if (name === "gap") {
		total.missing += JSON.parse(data).missing;
	}
	keep(data);
	undrawn++;
}

function registered({ journal, next }) {
	if (feed.journal && feed.journal !== journal) {
		keep(JSON.stringify({ event: "order" }));
		undrawn++;
		Object.assign(feed, { journal, next: 0, from: "first" });
		throw Object.assign(new Error("another order"), { again: true });
	}
	Object.assign(feed, { journal, live: true, next: feed.next || next });
	notice("stream", "");
	showLive();
}

function showLive() {
	if (!feed.live) return;
	if (!answers) state("down", "No answer");
	else if (paused) state("paused", "Paused");
	else state("live", "Live");
}

// Drawing lines

const drawnAt = []; // when the last DRAWN lines were drawn
let undrawn = 0, slotEnd = 0, scheduled = false, paused = false, pausedAt = 0;

// schedule draws in a moment, where there is something to draw and somebody to look. It does not wait
// for an animation frame: a browser that is busy with other tabs may give none for long.
function schedule(ms = 16) {
	if (scheduled || !undrawn || paused || document.hidden) return;
	scheduled = true;
	setTimeout(draw, ms);
}

// draw draws all there is where a second has room for it, and otherwise a share of the newest in each
// slot, so that what is drawn is never more than a second old.
function draw() {
	scheduled = false;
	if (paused || document.hidden) return;
	const now = performance.now(), rows = [];
	while (drawnAt[0] <= now - 1000) drawnAt.shift();
	let n = DRAWN - drawnAt.length;
	if (undrawn <= n) {
		n = undrawn;
	} else if (now < slotEnd) {
		n = 0;
	} else {
		slotEnd = now + SLOT;
		n = Math.min(n, (DRAWN * SLOT) / 1000);
		if (undrawn > DRAWN && n > 0) {
			rows.push(note(`${count(undrawn - n, "line")} more, counted and not drawn`));
			undrawn = n;
		}
	}
	for (const data of lastSeen(undrawn).slice(0, n)) {
		const item = JSON.parse(data);
		rows.push(row(item));
		drawnAt.push(now);
		if (!item.event) total.drawn++, fly(item.from, item.topic);
	}
	undrawn -= n;
	addRows(rows);
	schedule(slotEnd - now);
}

function addRows(rows) {
	const log = $("log");
	const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 30;
	log.append(...rows);
	while (log.childElementCount > ROWS) log.firstChild.remove();
	if (atEnd) log.scrollTop = log.scrollHeight;
}

function cell(className, text, tag = "bdi") {
	const e = el(tag, { className });
	put(e, text);
	return e;
}

const note = (text, kind = "") => el("div", {}, cell(`note ${kind}`, text, "p"));

function row(item) {
	switch (item.event) {
		case "joined":
			return note(`${timeText(item.time)}  ${item.name} joined as ${item.role.toLowerCase()}${item.topic ? ` of ${item.topic}` : ""}`);
		case "left":
			return note(`${timeText(item.time)}  ${item.name} left after ${count(item.lines, "line")}: ${item.reason}`);
		case "gap":
			return note(`${count(item.missing, "line is", "lines are")} missing here: no longer kept by the broker`, "gap");
		case "order":
			return note("The broker began a new order, positions begin again. What of the old one was not read is lost to this page.", "gap");
	}
	const from = cell("from", item.from);
	if (item.topic) from.append(" ", el("i", { textContent: `#${visible(item.topic)}` }));
	const long = item.line.length > 2000;
	const text = long ? `${item.line.slice(0, 2000)}… (${count(item.line.length, "character")}, all of them in the download)` : item.line;
	return el("div", {}, cell("time", momentText(item.time)), cell("pos", String(item.pos)), from, cell("text", text));
}

function redraw(n) {
	$("log").replaceChildren();
	undrawn = 0;
	addRows(lastSeen(n).map((data) => row(JSON.parse(data))));
	$("log").scrollTop = $("log").scrollHeight;
}

function pause() {
	paused = !paused;
	pausedAt = total.received;
	$("pause").setAttribute("aria-pressed", paused);
	showLive();
	redraw(paused ? ROWS : DRAWN);
	showCounts();
}

function showCounts() {
	const gaps = total.missing ? ` ${count(total.missing, "line")} missing.` : "";
	$("counted").textContent = paused
		? `Paused, with none of the last lines left out. ${count(total.received - pausedAt, "line")} came since, counted.${gaps}`
		: `${count(total.received, "line")} received, ${number.format(total.drawn)} drawn: at most ${DRAWN} a second are drawn, all are counted.${gaps}`;
}

// The clock: one sample a second, by the broker's own time. All figures, the chart and the picture
// are of the same sample.

const SILENT = 45_000; // ms: a stream sends something every 15 s
let samples = [], before = null, tickedAt = -Infinity, answers = true, asking = false;
const ticks = [];

async function tick() {
	// While a token is wanted, more requests without it would be taken for somebody who guesses.
	if (document.hidden || asking || !$("entry").hidden || performance.now() < tickedAt + 500) return;
	tickedAt = performance.now();
	asking = true;
	let z = null;
	try {
		z = await (await request("connz", { signal: AbortSignal.timeout(2500) })).json();
	} catch (e) {
		if (e.status === 401) askToken(e.message);
	}
	asking = false;
	const sample = z?.brokers?.length ? sampleOf(z) : null;
	answers = sample !== null;
	if (sample) showFigures(sample);
	$("figures").toggleAttribute("data-stale", !answers);
	showPicture(picture(z, sample));
	if (z) showClients(z.connections, sample);
	showCounts();
	showLive();
	if (feed.live && performance.now() > feed.heard + SILENT) startFeed();
	for (const f of ticks) f(sample);
}

const idOf = (c) => `${c.role} ${c.broker} ${c.name} ${c.since}`;

function sampleOf(z) {
	const broker = z.brokers[0];
	const sample = {
		time: Date.parse(broker.time),
		order: `${broker.name} ${broker.journal.id} ${broker.started}`,
		position: broker.journal.position,
		lines: new Map(z.connections.map((c) => [idOf(c), c.lines])),
		rates: new Map(),
		rate: null,
		connz: z,
	};
	const seconds = before?.order === sample.order ? (sample.time - before.time) / 1000 : 0;
	if (before?.order !== sample.order) samples = [];
	if (seconds > 0 && seconds < 5) {
		sample.rate = Math.max(0, sample.position - before.position) / seconds;
		for (const [id, lines] of sample.lines) if (before.lines.has(id)) sample.rates.set(id, Math.max(0, lines - before.lines.get(id)) / seconds);
	}
	before = sample;
	samples.push({ time: sample.time, rate: sample.rate });
	while (samples[0].time < sample.time - 60_000) samples.shift();
	return sample;
}

function showFigures(sample) {
	const { brokers, connections } = sample.connz;
	const sum = (key) => brokers.reduce((n, b) => n + b[key], 0);
	const slowest = slowestOf(connections);
	const waiting = sum("waiting");
	$("rate").textContent = rateText(sample.rate);
	$("position").textContent = number.format(sample.position);
	$("publisher-count").textContent = number.format(sum("publishers")) + (waiting ? `, ${number.format(waiting)} wait` : "");
	$("publisher-count").classList.toggle("warn", waiting > 0);
	$("subscriber-count").textContent = number.format(sum("subscribers"));
	put($("slowest"), slowest ? `${slowest.name}: ${behindText(slowest.lag)}` : "nobody is behind");
	const bad = brokers.filter((b) => !b.ready);
	notice("broker", bad.map((b) => `${b.name} takes no messages: ${b.problem}`).join(" "), "bad");
	const { name, version, started, listen, journal } = brokers[0];
	put($("about"), [
		`${name} ${version}, up since ${timeText(started)}.`,
		`Journal: ${journal.kind}${journal.sync ? `, synced ${journal.sync}` : ""}.`,
		`History: ${bytes(journal.bytes)} of ${bytes(journal.limit)}, from position ${number.format(journal.oldest)}.`,
		`For nc: ${listen}`,
	].join(" "));
	showChart(sample.time);
}

const slowestOf = (connections) => connections.reduce((slow, c) => ((c.lag?.messages ?? 0) > (slow?.lag.messages ?? 0) ? c : slow), null);
const behindText = (lag) => (lag.messages ? `${count(lag.messages, "line")} (${bytes(lag.bytes)}) behind` : "up to date");

function showChart(now) {
	const highest = Math.max(...samples.map((s) => s.rate ?? 0)), top = highest || 1;
	const x = (s) => (600 - (now - s.time) / 100).toFixed(1);
	const y = (s) => (100 - (96 * s.rate) / top).toFixed(1);
	let line = "", area = "", pen = false;
	samples.forEach((s, i) => {
		if (s.rate == null) return void (pen = false);
		if (!pen) area += `M${x(s)} 100`;
		line += `${pen ? "L" : "M"}${x(s)} ${y(s)}`;
		area += `L${x(s)} ${y(s)}`;
		pen = true;
		if (samples[i + 1]?.rate == null) area += `L${x(s)} 100Z`;
	});
	$("chart-line").setAttribute("d", line);
	$("chart-area").setAttribute("d", area);
	$("chart-top").textContent = highest ? `highest ${rateText(highest)} lines/s` : "";
}

function showClients(connections, sample) {
	const all = connections.map((c) => ({ ...c, id: idOf(c) }));
	const shown = all.length <= 100 ? all : all.toSorted((a, b) => (b.lag?.messages ?? 0) - (a.lag?.messages ?? 0)).slice(0, 100);
	const make = () => {
		const tr = el("tr", {}, el("th", { scope: "row" }));
		for (const kind of ["", "", "more", "more", "num", "num", "num"]) tr.append(el("td", { className: kind }));
		return tr;
	};
	list($("clients-rows"), shown, make, (tr, c) => {
		const subscriber = c.role === "SUBSCRIBER";
		const name = c.name + (subscriber && c.name === feed.name ? " (this page)" : "");
		const behind = subscriber ? number.format(c.lag.messages) : c.waiting ? "waits" : "";
		const texts = [name, c.role.toLowerCase(), c.topic || (subscriber ? "everything" : "none"), `${c.address} ${c.via}`,
			timeText(c.since), number.format(c.lines), subscriber ? number.format(c.position) : "", behind];
		texts.forEach((text, i) => put(tr.cells[i], text));
	});
	$("clients-more").hidden = all.length === shown.length;
	$("clients-more").textContent = `and ${count(all.length - shown.length, "more", "more")}, less behind than these`;
}

// The picture

let picture = pictureOf; // the console has its own, of nodes
const wires = []; // {path, from, to, topic}: from and to are elements of nodes

// pictureOf returns the nodes of each column: {id, name, detail, state, rate, full, topic, broker,
// actions}. full, from 0 to 1, is how much of the history a subscriber is behind.
function pictureOf(z, sample) {
	if (!z) {
		const old = before && pictureOf(before.connz, before);
		return old && { ...old, brokers: old.brokers.map((b) => ({ ...b, state: "failed", word: "no answer" })) };
	}
	const limit = new Map(z.brokers.map((b) => [b.name, b.journal.limit]));
	const nodes = z.connections.map((c) => {
		const { name, broker, topic } = c, id = idOf(c), rate = sample?.rates.get(id);
		const detail = `${topic ? `${topic} · ` : ""}${rateText(rate)}/s`;
		const full = c.lag && Math.min(1, c.lag.bytes / (limit.get(broker) || 1));
		return { id, name, broker, topic, rate, detail, full, role: c.role, state: c.waiting ? "waiting" : "up", word: wordOf(c) };
	});
	const brokers = z.brokers.map(({ name, journal, ready }) => {
		const detail = `position ${number.format(journal.position)}`;
		return { id: name, name, detail, state: ready ? "up" : "failed", word: ready ? "" : "not ready" };
	});
	const nats = [...new Set(z.brokers.flatMap((b) => b.peers))].map((name) => ({ id: name, name, state: "up" }));
	return { publishers: nodes.filter((n) => n.role === "PUBLISHER"), brokers, nats, subscribers: nodes.filter((n) => n.role !== "PUBLISHER") };
}

function wordOf(c) {
	if (c.waiting) return c.role === "PUBLISHER" ? "waits" : "takes nothing";
	if (c.lag?.messages) return `${number.format(c.lag.messages)} behind`;
	return c.name === feed.name ? "this page" : "";
}

function showPicture(model) {
	if (!model) return;
	for (const column of ["publishers", "brokers", "nats", "subscribers"]) showColumn($(column), model[column]);
	$("col-nats-box").hidden = model.nats.length === 0;
	$("col-brokers").textContent = model.brokers.length > 1 ? "Brokers" : "Broker";
	showWires(model);
}

// showColumn shows the first nodes, and the fullest of those that it leaves out.
function showColumn(ul, nodes) {
	const shown = nodes.length > NODES ? nodes.slice(0, NODES - 1) : nodes.slice();
	const rest = nodes.slice(shown.length);
	const fullest = rest.reduce((a, b) => (b.full > (a?.full ?? 0) ? b : a), null);
	if (fullest) shown[shown.length - 1] = fullest;
	if (rest.length) shown.push({ id: "", className: "node rest", text: `and ${count(rest.length, "more", "more")}` });
	if (!nodes.length) shown.push({ id: "", className: "node none", text: "nobody yet" });
	list(ul, shown, makeNode, fillNode);
}

function makeNode(node) {
	if (node.text) return el("li");
	const text = el("p", {}, el("span"), " ", el("span", { className: "word" }));
	const actions = el("details", { hidden: true }, el("summary", { textContent: "Actions" }), el("div"));
	return el("li", { className: "node" }, el("b"), text, el("meter"), actions);
}

function fillNode(e, node) {
	if (node.text) {
		e.className = node.className;
		return put(e, node.text);
	}
	const [name, text, meter, details] = e.children;
	const [detail, word] = text.children;
	e.dataset.state = node.state;
	put(name, node.name);
	name.title = visible(node.name);
	put(detail, node.detail ?? "");
	put(word, node.word ?? (node.state === "up" ? "" : node.state));
	meter.hidden = !node.full;
	meter.high = 0.5;
	meter.value = node.full ?? 0;
	meter.ariaLabel = `${visible(node.name)}: share of the history it is behind`;
	const actions = (node.actions ?? []).map((a) => ({ id: a.label, ...a }));
	details.hidden = actions.length === 0;
	details.firstChild.ariaLabel = `Actions on ${visible(node.name)}`;
	list(details.lastChild, actions, () => el("button", { type: "button" }), (button, a) => {
		button.textContent = a.label;
		button.onclick = a.run;
	});
}

function showWires(model) {
	const at = (column, id) => Array.from($(column).children).find((e) => e.dataset.id === id);
	const broker = (node) => at("brokers", node.broker) ?? $("brokers").firstChild;
	const pairs = [];
	for (const e of $("publishers").children) {
		const node = model.publishers.find((n) => n.id === e.dataset.id);
		if (node) pairs.push({ from: e, to: broker(node), node, name: node.name });
	}
	for (const e of $("subscribers").children) {
		const node = model.subscribers.find((n) => n.id === e.dataset.id);
		if (node) pairs.push({ from: broker(node), to: e, node, topic: node.topic, out: true });
	}
	if (model.nats.length) for (const b of $("brokers").children) for (const n of $("nats").children) pairs.push({ from: b, to: n, node: {} });
	while (wires.length > pairs.length) wires.pop().path.remove();
	const origin = $("picture").getBoundingClientRect();
	pairs.forEach((pair, i) => {
		wires[i] = { ...pair, path: wires[i]?.path ?? $("wires").appendChild(document.createElementNS("http://www.w3.org/2000/svg", "path")) };
		wires[i].path.setAttribute("d", curve(origin, pair.from.getBoundingClientRect(), pair.to.getBoundingClientRect()));
		wires[i].path.dataset.state = pair.node.state ?? "up";
		wires[i].path.dataset.flow = pair.node.rate ? Math.min(3, 1 + Math.floor(Math.log10(1 + pair.node.rate) / 1.5)) : 0;
	});
}

function curve(origin, a, b) {
	const across = b.left >= a.right;
	const [x1, y1] = across ? [a.right, a.top + a.height / 2] : [a.left + a.width / 2, a.bottom];
	const [x2, y2] = across ? [b.left, b.top + b.height / 2] : [b.left + b.width / 2, b.top];
	const p = (x, y) => `${(x - origin.left).toFixed(1)} ${(y - origin.top).toFixed(1)}`;
	const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2];
	return across ? `M${p(x1, y1)}C${p(mx, y1)} ${p(mx, y2)} ${p(x2, y2)}` : `M${p(x1, y1)}C${p(x1, my)} ${p(x2, my)} ${p(x2, y2)}`;
}

const still = matchMedia("(prefers-reduced-motion: reduce)");
let flewAt = 0;

// fly shows a message on its way: to the broker, then to each subscriber whose filter it matches;
// twelve a second at most.
function fly(from, topic) {
	const now = performance.now();
	if (still.matches || document.hidden || now < flewAt + 80) return;
	flewAt = now;
	const out = () => {
		for (const wire of wires) if (wire.out && matches(wire.topic, topic)) dot(wire, "out");
	};
	const way = wires.find((wire) => wire.name === from);
	if (way) dot(way, "in", out);
	else out();
}

function dot(wire, kind, then) {
	const circle = $("wires").appendChild(document.createElementNS("http://www.w3.org/2000/svg", "circle"));
	circle.setAttribute("r", 4.5);
	circle.setAttribute("class", kind);
	circle.style.offsetPath = `path("${wire.path.getAttribute("d")}")`;
	circle.animate({ offsetDistance: ["0%", "100%"] }, { duration: 450, easing: "ease-in-out" }).onfinish = () => {
		circle.remove();
		then?.();
	};
}

function matches(filter, topic) {
	if (!filter) return true;
	if (!topic) return false;
	const want = filter.split("."), have = topic.split(".");
	const rest = want.at(-1) === ">";
	if (rest ? have.length < want.length : have.length !== want.length) return false;
	return want.every((word, i) => word === "*" || word === have[i] || (rest && i === want.length - 1));
}

// Forms

function watch() {
	const kind = $("from").value;
	Object.assign(feed, { topic: $("filter").value.trim(), from: { last: `-${$("count").value}`, position: $("count").value }[kind] ?? kind, next: 0, journal: "" });
	Object.assign(seen, { items: [], first: 0, chars: 0 });
	Object.assign(total, { received: 0, drawn: 0, missing: 0 });
	if (paused) pause();
	redraw(0);
	put($("watched"), `${feed.topic ? `Topics ${feed.topic}` : "All topics"}, from ${$("from").selectedOptions[0].text.replace("…", $("count").value)}`);
	settle();
	if (feed.stop) startFeed();
}

// failed is what was perhaps taken, though no answer came: the same again has the same numbers,
// something else must not.
const post = { run: "", name: "", next: 1, failed: null, queue: Promise.resolve() };

// publish takes what was typed: it is sent after what was typed before, and comes back where it was
// not taken.
function publish() {
	const name = $("name").value, topic = $("topic").value.trim(), text = $("text").value;
	$("text").value = "";
	post.queue = post.queue.then(async () => {
		try {
			const said = await send(name, topic, `${text}\n`);
			published(`${count(said.taken, "line")} taken, at position ${number.format(said.position)}. ${(said.errors ?? []).join(" ")}`, said.rejected > 0);
		} catch (e) {
			if (e.status === 401) askToken(e.message);
			post.failed = `${text}\n`;
			$("text").value = [text, $("text").value].filter(Boolean).join("\n");
			published(e.message, true);
		}
	});
}

// send publishes each line exactly once: what is sent again carries the same numbers of the same
// run.
async function send(name, topic, body) {
	if (post.name !== name || (post.failed ?? body) !== body) Object.assign(post, { name, run: newRun(), next: 1 });
	post.failed = null;
	for (let tries = 1; ; tries++) {
		const query = new URLSearchParams({ name, run: post.run, first: post.next });
		if (topic) query.set("topic", topic);
		try {
			const said = await (await request(`publish?${query}`, { method: "POST", body, headers: { "Content-Type": "text/plain" } })).json();
			post.next = said.next;
			return said;
		} catch (e) {
			if (e.status === 409 && e.said.next < post.next) Object.assign(post, { run: newRun(), next: 1 }); // the broker began anew
			else if (tries > 3 || e.status < 500) throw e;
			await new Promise((done) => setTimeout(done, 300 * tries));
		}
	}
}

const newRun = () => `page-${Math.random().toString(36).slice(2, 12)}`;

function published(text, bad) {
	$("published").dataset.kind = bad ? "bad" : "";
	put($("published"), text);
}

function download() {
	const file = new Blob([lastSeen(KEPT.lines).join("\n"), "\n"], { type: "application/jsonl" });
	const link = el("a", { href: URL.createObjectURL(file), download: "lines.jsonl" });
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// Tabs: the first STREAMS of them follow the broker, in the order in which they came.

const tabs = new BroadcastChannel("pubsublab");
const me = { id: Math.random().toString(36).slice(2), since: Date.now() };
const others = new Map();
let asked = false; // the others have had the time to answer

const tell = (more) => tabs.postMessage({ ...me, ...more });
const isBefore = (a, b) => a.since < b.since || (a.since === b.since && a.id < b.id);

function askTabs() {
	others.clear();
	tell({ ask: true });
	setTimeout(() => {
		asked = true;
		settle();
	}, 250);
}

function settle() {
	if (!asked) return;
	const may = [...others.values()].filter((o) => isBefore(o, me)).length < STREAMS;
	if (may && !feed.stop) startFeed();
	if (may) return;
	if (feed.stop) stopFeed();
	state("wait", "Waiting for another tab");
	notice("stream", `${STREAMS} other tabs of this browser watch this broker. A browser opens six connections to a server and no more, so this tab waits until one of them is closed.`, "warn", {
		label: "Watch here instead",
		run() {
			me.since = Math.min(...Array.from(others.values(), (o) => o.since)) - 1;
			tell();
			settle();
		},
	});
}

tabs.onmessage = ({ data }) => {
	if (data.bye) others.delete(data.id);
	else others.set(data.id, data);
	if (data.ask) tell();
	settle();
};

function leave() {
	tell({ bye: true });
	stopFeed();
}

// Start

const themes = ["auto", "dark", "light"];

function dress(theme) {
	document.documentElement.dataset.theme = theme;
	$("theme").textContent = `Theme: ${theme}`;
	kept(localStorage, "theme", theme);
}

function project(on) {
	document.documentElement.toggleAttribute("data-projector", on);
	$("projector").setAttribute("aria-pressed", on);
	kept(localStorage, "projector", on ? "on" : "");
	$("log").scrollTop = $("log").scrollHeight;
}

function submits(form, f) {
	$(form).addEventListener("submit", (event) => {
		event.preventDefault();
		f();
	});
}

function listen() {
	submits("token-form", () => {
		token = $("token").value;
		kept(sessionStorage, "token", token);
		$("entry").hidden = true;
		notice("token", "");
		if (feed.stop) startFeed();
	});
	submits("watch-form", watch);
	submits("publish-form", publish);
	$("from").onchange = () => ($("count").hidden = $("count").disabled = !["last", "position"].includes($("from").value));
	$("text").onkeydown = (event) => {
		if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
		event.preventDefault();
		$("publish-form").requestSubmit();
	};
	$("pause").onclick = pause;
	$("projector").onclick = () => project($("projector").ariaPressed !== "true");
	$("theme").onclick = () => dress(themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % themes.length]);
	$("download").onclick = download;
	document.addEventListener("visibilitychange", () => {
		schedule();
		tick();
	});
	document.addEventListener("freeze", leave); // a tab that takes nothing would hold publishers up
	document.addEventListener("resume", askTabs);
	addEventListener("pagehide", leave);
	addEventListener("pageshow", (event) => event.persisted && askTabs());
	new ResizeObserver(() => before && showPicture(picture(before.connz, before))).observe($("picture"));
}

// load imports a module. A browser gives up a connection that it is making when the machine's network
// changes, as it does when containers start, and may remember that there was no such module.
async function load(name, tries = 5) {
	for (let n = 1; ; n++) {
		try {
			return await import(new URL(n === 1 ? name : `${name}?${n}`, document.baseURI));
		} catch (e) {
			if (n === tries) throw e;
			await new Promise((resolve) => setTimeout(resolve, 200 * n));
		}
	}
}

async function startConsole(name) {
	const api = {
		request, el, put, say,
		notice: (...what) => notice("console", ...what),
		ended: (...what) => notice("end", ...what),
		panel(id, title, { before: where } = {}) {
			const panel = el("section", { className: "panel", id }, el("h2", { id: `${id}-title`, textContent: title }));
			panel.setAttribute("aria-labelledby", `${id}-title`);
			document.querySelector("main").insertBefore(panel, where ? $(where) : null);
			return panel;
		},
		onTick: (f) => ticks.push(f),
		setTopology: (f) => (picture = (z, sample) => f(z, sample)),
	};
	try {
		(await load(name)).start(api);
	} catch (e) {
		notice("console", `The lab's console did not start: ${e.message}`, "bad");
	}
}

listen();
dress(kept(localStorage, "theme") || themes[0]);
project(kept(localStorage, "projector") === "on");
$("name").value = `web-${Math.random().toString(36).slice(2, 6)}`;
const consoleModule = document.querySelector("meta[name=console]");
if (consoleModule) startConsole(consoleModule.content);
setInterval(tick, 1000);
setInterval(() => asked && !feed.stop && askTabs(), 5000); // a tab that crashed said nothing
tick();
askTabs();
