// The page. What is typed and dragged becomes a request to Python in its worker, and the answer is shown. One request
// is on its way at a time, and of those that wait only the latest counts: so numbers follow a slider.
"use strict";

const $ = id => document.getElementById(id);
const [WORDS, EXAMPLES, FIRST] = ["words", "example-list", "first"].map(id => JSON.parse($(id).textContent));
const NARROW = matchMedia("(max-width: 60rem)");
const LEGIBLE = 0.7;  // how small a drawing may become
const PATIENCE = 400, PACE = 150;  // milliseconds: until one may stop Python, and between steps of the descent

const state = {
  kind: "expression",
  source: { expression: "", program: "" },
  waits: "",             // why the program waits for Run: it came with a link, was stopped, ended Python
  names: [],             // of the values, in the order of the source
  values: {},            // by name; those of names that are gone stay, for when they come back
  changed: new Set(),    // names whose number in the program's text is another one
  fixed: new Set(),      // names that a step of the descent leaves as they are
  answer: null,          // to the source as it is, if it has no error
  view: "drawing",
  trail: [],             // of the descent: values and result before its first step, and after each
  stepsToGo: 0,          // Infinity: on and on
  curve: { name: "", key: "", points: [] },
};

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// ── words ──

const say = (word, slots = {}) => WORDS[document.documentElement.lang.slice(0, 2)][word].replace(/\{(\w+)\}/g, (_, name) => slots[name]);

function speak(language) {
  document.documentElement.lang = language;
  document.querySelectorAll("[data-word]").forEach(e => { e.textContent = say(e.dataset.word); });
  document.querySelectorAll("[data-label]").forEach(e => e.setAttribute("aria-label", say(e.dataset.label)));
  [...$("examples").options].forEach(option => { if (option.value) option.textContent = EXAMPLES[option.value][say("language")]; });
  $("language").textContent = say("other-language");
  $("language").lang = say("other");
  showStatus();
  showRows();
  showDescent();
  if (state.answer?.certificate) showCertificate(state.answer.certificate);
}

// ── Python ──

const python = { files: {}, worker: null, ready: false, asked: null, wanted: null, curve: null, patience: 0, status: "starting" };

async function loadFile(script) {
  if (script.dataset.at) return (await fetch(script.dataset.at)).arrayBuffer();
  const packed = Uint8Array.from(atob(script.textContent), c => c.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function loadFiles() {
  const scripts = [...document.querySelectorAll("[data-file]")];
  const loaded = await Promise.all(scripts.map(loadFile));
  python.files = Object.fromEntries(scripts.map((script, i) => [script.dataset.file, loaded[i]]));
  // From here on nothing is asked of any host, also by the worker, which inherits this.
  document.head.append(element("meta", { "http-equiv": "Content-Security-Policy", content: "connect-src 'none'" }));
}

function startPython() {
  const address = URL.createObjectURL(new Blob([$("worker").textContent], { type: "text/javascript" }));
  python.worker = new Worker(address);
  python.worker.onmessage = ({ data }) => {
    if (data.died) return mourn(data.died);
    if (data.ready) python.ready = true;
    else receive(data.answer);
    send();
  };
  python.worker.onerror = event => mourn(event.message);
  python.worker.postMessage(python.files);
}

const waiting = () => state.kind === "program" ? state.waits : "";

function restart(reason) {
  python.worker.terminate();
  if (state.kind === "program") state.waits = reason;
  clearTimeout(python.patience);
  Object.assign(python, { ready: false, asked: null, wanted: null, curve: null });
  walk(0);
  showStatus(reason);
  $("result").classList.add("stale");
  startPython();
}

function mourn(reason) {
  if (python.ready) restart("died");
  else {
    showStatus("");
    showError(`${say("failed")}: ${reason}`);
  }
}

function send() {
  if (!python.ready || python.asked) return;
  const next = python.wanted ? "wanted" : "curve";
  [python.asked, python[next]] = [python[next], null];
  $("result").setAttribute("aria-busy", Boolean(python.asked));
  if (!python.asked) return;
  python.patience = setTimeout(showStatus, PATIENCE, "running");
  python.worker.postMessage(python.asked.request);
}

function receive(answer) {
  clearTimeout(python.patience);
  const asked = python.asked;
  python.asked = null;
  showStatus(waiting());
  if (asked.request.what === "curve") {
    state.curve = { name: asked.request.name, key: asked.key, points: answer.points };
    showDescent();
  } else if (!asked.forgotten && asked.request.kind === state.kind && !waiting()) showAnswer(asked, answer);
  if (state.stepsToGo && !python.wanted) setTimeout(step, state.stepsToGo === Infinity ? PACE : 0);
}

function showStatus(word = python.status) {
  python.status = word;
  $("status-text").textContent = word && say(word);
  $("stop").hidden = word !== "running";
}

/** Ask for all that is seen; of a program only numbers that have changed go into its text.
 * `step`: it is one of the descent; `save`: the suffix of a file to be written.
 */
function update({ step = false, save = "" } = {}) {
  if (waiting()) return;
  const names = state.kind === "program" ? [...state.changed] : Object.keys(state.values);
  const views = [save === "html" ? "player" : state.view].filter(view => view !== "drawing");
  const request = {
    what: "picture",
    kind: state.kind,
    source: state.source[state.kind],
    values: Object.fromEntries(names.map(name => [name, state.values[name]])),
    views,
    rankdir: NARROW.matches ? "TB" : null,
    language: document.documentElement.lang,
  };
  python.wanted = { request, step, save };
  const { answer } = state;
  const shown = answer?.source === request.source && names.every(name => answer.values[name] === state.values[name]);
  if (!python.ready && !shown) $("result").classList.add("stale");  // it may be a minute until Python can follow
  send();
}

// ── an answer is shown ──

function showAnswer({ request, step, save }, answer) {
  const unedited = state.source[request.kind] === request.source;
  if (unedited && answer.source !== request.source) write(request.kind, answer.source);
  adopt(answer.values, request.values);
  $("printed").hidden = !answer.printed;
  $("printed-text").textContent = answer.printed;
  const failed = "error" in answer;
  $("result").classList.toggle("stale", failed);
  showError(!failed ? "" : answer.line ? say("at-line", answer) : answer.error, answer.line);
  state.answer = failed ? null : answer;
  document.querySelectorAll("[data-gradient]").forEach(showGradient);
  if (failed) return walk(0);
  showDrawing(answer.drawing);
  $("derivation").textContent = answer.derivation.error ?? answer.derivation;
  if (answer.player) showPlayer(answer.player);
  if (answer.certificate) showCertificate(answer.certificate);
  if (save) download(answer, save);
  if (step) state.trail.push(answer);
  showDescent();
  askForCurve();
  writeAddress();
}

/** The values of an answer, but for those that have been changed since it was asked for. */
function adopt(values, sent) {
  for (const [name, x] of Object.entries(values)) {
    if (name in sent && state.values[name] !== sent[name]) continue;
    if (!(name in sent) && state.changed.has(name)) continue;
    state.values[name] = x;
    state.changed.delete(name);
  }
  const names = Object.keys(values);
  const same = names.join() === state.names.join();
  state.names = names;
  if (same) names.forEach(showRow); else showRows();
}

function showError(text, line = 0) {
  $("error").hidden = !text;
  $("error").textContent = text;
  $(state.kind).setAttribute("aria-invalid", Boolean(text));
  $("editor").style.setProperty("--error-line", line || 0);
  $("editor").classList.toggle("wrong", Boolean(text && line));
}

/** The picture; a program may have made its text, so nothing goes into the page but shapes. */
function showDrawing(drawing) {
  if (drawing.error) return $("drawing").replaceChildren(element("p", {}, drawing.error));
  const svg = new DOMParser().parseFromString(drawing.svg, "image/svg+xml").documentElement;
  const shapes = ["svg", "g", "title", "desc", "style", "path", "polygon", "polyline", "ellipse", "text"];
  for (const part of [svg, ...svg.querySelectorAll("*")]) {
    if (!shapes.includes(part.localName)) part.remove();
    for (const { name } of [...part.attributes]) if (/^on|href/i.test(name)) part.removeAttribute(name);
  }
  svg.style.minWidth = `${LEGIBLE * parseFloat(svg.getAttribute("width"))}pt`;  // then one scrolls
  $("drawing").replaceChildren(...(svg.localName === "svg" ? [svg] : []));
}

function showPlayer(page) {
  if (page.error) return $("panel-player").replaceChildren(element("p", {}, page.error));
  const [width, height] = /viewBox="\S+ \S+ (\S+) (\S+)"/.exec(page).slice(1).map(Number);
  const pixels = height * Math.min(4 / 3, $("panel-player").clientWidth / width) + (NARROW.matches ? 360 : 240);
  $("panel-player").replaceChildren(element("iframe", {
    sandbox: "allow-scripts", title: say("player"), srcdoc: page, style: `height: ${Math.min(Math.round(pixels), 900)}px`,
  }));
}

function showCertificate(report) {
  $("summary").textContent = report.error ?? summarize(report);
  $("summary").className = report.ok ? "good" : "bad";
  const cells = (tag, texts) => element("tr", {}, ...texts.map(text => element(tag, {}, text)));
  const head = ["number", "recorded", "reference", "ulp", "verdict"].map(word => say(word));
  const rows = (report.rows ?? []).map(row => cells("td", [describe(row), ...row.numbers, say(row.verdict)]));
  $("certificate").replaceChildren(...(report.error ? [] : [
    element("table", {}, element("thead", {}, cells("th", head)), element("tbody", {}, ...rows)),
  ]));
}

/** gradcheck: ok, 12 of 13 numbers certified, 1 unchecked */
function summarize({ ok, rows }) {
  const [certified, ...others] = ["certified", "guarded", "unchecked"].map(verdict =>
    ({ verdict: say(verdict), count: rows.filter(row => row.verdict === verdict).length }));
  const verdict = say(ok ? "ok" : "not-ok");
  return say("summary", { verdict, certified: certified.count, all: rows.length })
    + others.filter(({ count }) => count).map(slots => say("and-others", slots)).join("");
}

/** partial 1 of sigmoid (ŷ); gradient of b, through add and mul */
function describe({ what, name, operation }) {
  const [kind, argument] = what.split(" ");
  const slots = { name, argument, operation: operation.replaceAll(" and ", say("and")) };
  if (kind === "gradient") return say("gradient-of", slots) + (operation && say("through", slots));
  return say(kind === "value" ? "value-of" : "partial-of", slots) + (name && say("named", slots));
}

// ── values ──

const row = name => $("rows").children[state.names.indexOf(name)];

function showRows() {
  $("rows").replaceChildren(...state.names.map(makeRow));
  $("no-values").hidden = state.names.length > 0;
  $("row-heads").hidden = !state.names.length;
  state.names.forEach(showRow);
  document.querySelectorAll("[data-gradient]").forEach(showGradient);
  const along = $("along").value;
  $("along").replaceChildren(...state.names.map(name => element("option", {}, name)));
  $("along").value = state.names.includes(along) ? along : state.names.find(name => !state.fixed.has(name)) ?? state.names[0] ?? "";
}

function makeRow(name) {
  const moves = element("input", { type: "checkbox", "aria-label": say("moves", { name }), title: say("moves", { name }) });
  const slider = element("input", { type: "range", "aria-label": name });
  const field = element("input", { type: "number", step: "any", "aria-label": name });
  moves.checked = !state.fixed.has(name);
  moves.onchange = () => { state.fixed[moves.checked ? "delete" : "add"](name); showDescent(); };
  slider.oninput = () => change(name, slider.valueAsNumber);
  field.oninput = () => { if (Number.isFinite(field.valueAsNumber)) change(name, field.valueAsNumber); };
  field.onblur = () => showRow(name);
  return element("li", {}, moves, element("span", { class: "name" }, name), slider, field, element("output", { "data-gradient": name }));
}

function showRow(name) {
  const [slider, field] = row(name).querySelectorAll("[type=range], [type=number]");
  const x = state.values[name], end = roundUp(Math.max(2 * Math.abs(x), 5));
  if (!slider.max || Math.abs(x) > slider.max) Object.assign(slider, { min: -end, max: end, step: end / 100 });
  if (document.activeElement !== slider) slider.value = x;
  if (document.activeElement !== field) field.value = short(x);
}

function showGradient(output) {
  const name = output.dataset.gradient, gradient = state.answer?.gradients[name];
  output.textContent = gradient?.text ?? "";
  output.setAttribute("aria-label", `∂J/∂${name}`);
}

function change(name, x) {
  walk(0);
  state.trail = [];
  state.values[name] = Number(x.toPrecision(12));
  state.changed.add(name);
  showRow(name);
  update();
}

// ── gradient descent ──

const moving = () => state.names.filter(name => !state.fixed.has(name) && state.answer?.gradients[name]);

/** One step down the gradient, from numbers that have been answered for. */
function step() {
  if (!state.stepsToGo || !state.answer || python.wanted || python.asked?.request.what === "picture") return;
  state.stepsToGo -= 1;
  const rate = $("rate").valueAsNumber, { gradients, values } = state.answer;
  const next = Object.fromEntries(moving().map(name => [name, values[name] - rate * gradients[name].number]));
  const all = Object.values(next);
  if (!all.length || !all.every(Number.isFinite) || Object.keys(next).every(name => next[name] === values[name])) return walk(0);
  if (!state.trail.length) state.trail = [state.answer];
  set(next);
  update({ step: true });
}

function set(values) {
  for (const name in values) {
    state.values[name] = values[name];
    state.changed.add(name);
    showRow(name);
  }
}

function walk(steps) {
  state.stepsToGo = steps;
  $("on").textContent = say(steps === Infinity ? "pause" : "on");
  if (steps) step();
}

function goBack() {
  walk(0);
  set(state.trail[0].values);
  state.trail = [];
  update();
}

function askForCurve() {
  const { answer } = state, name = $("along").value;
  if (!name || !answer || answer.drawing.error) return showDescent();
  const { min, max } = row(name).querySelector("[type=range]");
  const key = JSON.stringify([answer.template, { ...answer.values, [name]: 0 }, name, max]);
  if (key === state.curve.key) return showDescent();
  const { kind } = state, { source, values } = answer;
  python.curve = { request: { what: "curve", kind, source, values, name, low: Number(min), high: Number(max) }, key };
  send();
}

function showDescent() {
  const { answer, trail, curve } = state, name = $("along").value, names = moving();
  $("back").disabled = !trail.length;
  if (!answer) return;
  $("rule").textContent = names.length ? "θ ← θ − η · ∂J/∂θ" : say("nothing-moves");
  const figures = [], gradient = answer.gradients[name];
  if (gradient && curve.name === name && curve.points.length) {
    const steps = names.join() === name ? trail.map(({ values, result }) => [values[name], result.number]) : [];
    const at = [answer.values[name], answer.result.number];
    figures.push(plot(say("curve-title", { name, slope: gradient.text }), [name, "J"], { line: curve.points, at, slope: gradient.number, steps }));
  }
  if (trail.length > 1) {
    const line = trail.map(({ result }, i) => [i, result.number]);
    figures.push(plot(say("trail-title", { steps: trail.length - 1 }), ["", "J"], { line, at: line.at(-1) }));
  }
  $("no-curve").hidden = !(gradient && curve.name === name && !curve.points.length);
  $("plots").replaceChildren(...figures);
}

// ── the source, examples and links ──

function write(kind, text) {
  state.source[kind] = $(kind).value = text;
  if (kind === "program") paint();
}

function choose(kind) {
  state.kind = kind;
  document.querySelector(`[name=kind][value=${kind}]`).checked = true;
  $("expression-form").hidden = kind !== "expression";
  $("program-form").hidden = kind !== "program";
}

function open({ kind, source, values = {}, fixed = [], rate = 0.1 }, waits = "") {
  walk(0);
  if (python.asked) python.asked.forgotten = true;  // its answer is one to what was here before
  Object.assign(state, { names: [], values: { ...values }, changed: new Set(), fixed: new Set(fixed), answer: null, trail: [] });
  if (kind === "program") state.waits = waits;
  choose(kind);
  write(kind, source);
  const index = EXAMPLES.findIndex(example => example.kind === kind && example.source === source);
  $("examples").value = index < 0 ? "" : index;
  $("rate").value = rate;
  for (const id of ["drawing", "panel-player", "certificate", "plots"]) $(id).replaceChildren();
  for (const id of ["derivation", "summary"]) $(id).textContent = "";
  showError("");
  showRows();
  showDescent();
  showStatus(waiting() || (python.ready ? "" : "starting"));
}

/** To the other kind of source, as it was left, or its first example. */
function turnTo(kind) {
  const left = { kind, source: state.source[kind], values: state.values };
  open(left.source ? left : EXAMPLES.find(example => example.kind === kind), left.source && state.waits);
  update();
}

function edit(kind) {
  state.source[kind] = $(kind).value;
  state.trail = [];
  walk(0);
  $("examples").value = "";
}

function run() {
  state.waits = "";
  state.changed.clear();
  state.trail = [];
  walk(0);
  update();
}

/** The example that an address ends with: #J=2*a&a=3, or #program=… */
function fromAddress() {
  const pairs = location.hash.slice(1).split("&").map(pair => pair.split("=").map(text => decodeURIComponent(text.replaceAll("+", "%2B"))));
  const [[key, ...text], ...values] = pairs;
  const source = text.join("=");
  if (key === "program") return { kind: "program", source };
  if (key !== "J") return null;
  const numbers = values.map(([name, x]) => [name.normalize("NFKC"), Number(x)]).filter(([, x]) => Number.isFinite(x));
  return { kind: "expression", source, values: Object.fromEntries(numbers) };
}

function writeAddress() {
  const { kind, answer } = state, pair = (name, text) => `${encodeURIComponent(name)}=${encodeURIComponent(text)}`;
  const pairs = kind === "program" ? [["program", answer.source]] : [["J", answer.source], ...Object.entries(answer.values)];
  state.address = `#${pairs.map(([name, text]) => pair(name, text)).join("&")}`;
}

function openAddress() {
  let example = null;
  try { example = fromAddress(); } catch { /* not an address that this page has written */ }
  if (example) {
    open(example, "not-read");
    update();
  }
  return example;
}

async function copyLink() {
  if (!state.address) return;
  history.replaceState(null, "", state.address);
  try { await navigator.clipboard.writeText(location.href); showStatus("copied"); } catch { showStatus("in-address-bar"); }
}

function download(answer, suffix) {
  const texts = { svg: answer.drawing.svg, dot: answer.drawing.dot, txt: answer.derivation, html: answer.player };
  if (typeof texts[suffix] !== "string") return;
  const address = URL.createObjectURL(new Blob([texts[suffix]]));
  element("a", { href: address, download: `J.${suffix}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// ── the editor: a text area, with a coloured copy of its text behind it ──

const TOKENS = [
  ["comment", /#.*/],
  ["string", /("""|''')[^]*?\1|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/],
  ["keyword", /(?<![\w.])(?:and|as|assert|break|class|continue|def|del|elif|else|except|False|finally|for|from|if|import|in|is|lambda|None|not|or|pass|raise|return|True|try|while|with|yield)(?!\w)/],
  ["number", /(?<!\w)\d[\w.]*/],
];
const TOKEN = new RegExp(TOKENS.map(([name, { source }]) => `(?<${name}>${source.replace("\\1", "\\k<quote>").replace('("""', '(?<quote>"""')})`).join("|"), "g");

function paint() {
  const text = $("program").value, parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [kind] = TOKENS.find(([name]) => match.groups[name] !== undefined);
    parts.push(text.slice(end, match.index), element("span", { class: kind }, match[0]));
    end = match.index + match[0].length;
  }
  $("coloured").replaceChildren(...parts, text.slice(end), "\n");
  $("program").rows = Math.min(Math.max(text.split("\n").length, 6), 22);
}

function editKey(event) {
  if (event.key !== "Enter" || event.isComposing) return;
  if (event.ctrlKey || event.metaKey) run();
  else {
    const before = $("program").value.slice(0, $("program").selectionStart).split("\n").at(-1);
    document.execCommand("insertText", false, `\n${/^ */.exec(before)[0]}${/:\s*$/.test(before) ? "    " : ""}`);  // can be undone
  }
  event.preventDefault();
}

// ── the page comes to life ──

function showTab(view) {
  state.view = view;
  for (const tab of $("tabs").children) {
    const chosen = tab.id === `tab-${view}`;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    $(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
}

function tabKey(event) {
  const tabs = [...$("tabs").children], at = tabs.indexOf(document.activeElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const tab = tabs.at(to % tabs.length);
  tab.focus();
  tab.click();
}

function listen() {
  document.querySelectorAll("[name=kind]").forEach(radio => { radio.onchange = () => turnTo(radio.value); });
  $("examples").onchange = () => { open(EXAMPLES[$("examples").value]); update(); };
  $("language").onclick = () => { speak(say("other")); if (state.view === "player") update(); };
  $("link").onclick = copyLink;
  $("expression").oninput = () => { edit("expression"); update(); };
  $("program").oninput = () => { edit("program"); paint(); };
  $("program").onkeydown = editKey;
  $("program").onscroll = () => { $("coloured").scrollTo($("program").scrollLeft, $("program").scrollTop); };
  $("run").onclick = run;
  $("stop").onclick = () => restart("stopped");
  $("step").onclick = () => walk(state.stepsToGo === Infinity ? 0 : state.stepsToGo + 1);
  $("on").onclick = () => walk(state.stepsToGo === Infinity ? 0 : Infinity);
  $("back").onclick = goBack;
  $("along").onchange = askForCurve;
  for (const tab of $("tabs").children) tab.onclick = () => { showTab(tab.id.slice(4)); update(); };
  $("tabs").onkeydown = tabKey;
  document.querySelectorAll("[data-save]").forEach(button => { button.onclick = () => update({ save: button.dataset.save }); });
  NARROW.onchange = () => update();
  addEventListener("hashchange", openAddress);
}

async function begin() {
  $("examples").append(element("option", { value: "" }, "…"), ...EXAMPLES.map((_, i) => element("option", { value: i })));
  const asked = new URLSearchParams(location.search).get("lang") ?? FIRST.language ?? navigator.language;
  showTab("drawing");
  speak(asked.startsWith("zh") ? "zh-CN" : "en");
  listen();
  if (!openAddress()) {
    open(FIRST.example);
    update();
    if (FIRST.answer) showAnswer(python.wanted, FIRST.answer);
  }
  try {
    await loadFiles();
    startPython();
  } catch (error) { mourn(error); }
}

begin();
