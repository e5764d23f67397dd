"use strict";
/* Three parts: numbers (rows, sums over units, weights), drawing, and what people do. */
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const tokens = data.input.tokens, targets = data.targets, attribution = data.attributions[0];
const units = data.view.units, apart = new Set(data.view.apart), rows = data.rows;
const names = Object.keys(attribution.components), options = attribution.options;
const byId = id => document.getElementById(id);
const SHORT = 12; /* rows of the ranking before "all" */
const ALL = -1; /* the row that is the mean of all */
const joint = rows.length > 0 && rows[0].target === "all"; /* one row explains all targets as one */
const LEVELS = ["token", ...Object.keys(data.view.levels)];
const state = { row: 0, lens: "score", level: data.view.level, beta: options.beta,
  gamma: options.gamma, all: false, pinned: -1 };

/* ---- Numbers ---------------------------------------------------------------------------------- */

/* Numbers travel as float32 in base64; NaN, what is not computed, becomes null. */
function unpack(text) {
  if (typeof text !== "string") return null;
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return Array.from(new Float32Array(bytes.buffer), x => Number.isNaN(x) ? null : x);
}
const unpackAll = object => Object.fromEntries(Object.entries(object).map(([k, v]) => [k, unpack(v)]));

const sizes = list => list.reduce((sum, x) => x === null ? sum : sum + Math.abs(x), 0);
const shareOf = (x, sum) => x === null || x === undefined ? null : sum > 0 ? x / sum : 0;

/* What a row explains; all targets together stand where the first does. */
const targetOf = r => r.target !== "all" ? targets[r.target] : { position: targets[0].position, origin: targets[0].origin,
  logprob: targets.some(t => t.logprob === null) ? null : targets.reduce((sum, t) => sum + t.logprob, 0) };

/* Rows are unpacked when they are first looked at. */
const unpacked = new Map();
function rowAt(index) {
  if (index === ALL) return meanRow();
  if (!unpacked.has(index)) {
    const r = rows[index], score = unpack(r.score);
    unpacked.set(index, { index, target: targetOf(r), pending: r.pending,
      score, score_se: unpack(r.score_se), signed_score: unpack(r.signed_score),
      components: unpackAll(r.components), se: unpackAll(r.se), probes: r.probes,
      df: typeof r.score_df === "string" ? unpack(r.score_df) : score.map(() => r.score_df) });
  }
  return unpacked.get(index);
}
const probesOf = (r, i) => Array.isArray(r.probes) ? r.probes[i] : r.probes;

/* Half a 95 % interval in standard errors of df degrees of freedom, Student's t: heta_interval_factor
 * of heta.h has the source. Errors that are independent have Welch's degrees together, others the
 * fewer of theirs; null: not known. */
const POWERS = [2.372271230298562, 2.8224986157396112, 2.555849679507722, 1.5895340533938225, 1.4060871726949244];
const factor = df => 1.959963984540054 + (df >= 1 ? POWERS.reduceRight((sum, p) => (sum + p) / df, 0) : 0);
const fewer = (a, b) => a === null || b === null ? a ?? b : Math.min(a, b);
const fourth = (error, df) => error > 0 ? error ** 4 / (df ?? Infinity) : 0;

/* The mean of all rows, each divided by its own sum, over the tokens before the first target. The
 * targets share their probes, so errors may all point the same way: they are averaged, not reduced. */
let mean = null;
function meanRow() {
  if (mean) return mean;
  const position = Math.min(...rows.map(r => targetOf(r).position));
  const score = new Array(position).fill(0), score_se = new Array(position).fill(0);
  const df = new Array(position).fill(null);
  let exact = true;
  for (let index = 0; index < rows.length; index++) {
    const r = rowAt(index), list = r.signed_score || r.score, sum = sizes(list);
    exact = exact && !r.score_se;
    for (let i = 0; i < position; i++) {
      const share = sum > 0 ? list[i] === null ? null : list[i] / sum / rows.length : 0;
      score[i] = score[i] === null || share === null ? null : score[i] + share;
      const se = r.score_se ? r.score_se[i] : 0;
      score_se[i] = score_se[i] === null || se === null ? null : score_se[i] + (sum > 0 ? se / sum / rows.length : 0);
      df[i] = fewer(df[i], r.df[i]);
    }
  }
  mean = { index: ALL, target: { position }, pending: false, score, score_se: exact ? null : score_se,
    signed_score: attribution.signed ? score : null, components: {}, se: {}, probes: 0, df };
  return mean;
}

/* The weights of HETA's parts can be moved, since the parts are here: gate × (β curvature + γ
 * information), with the divisors of --scale. */
const tunable = attribution.method === "heta" && !["gate", "product"].includes(options.config) && typeof options.beta === "number" &&
  typeof options.gamma === "number" && ["gate", "curvature", "information"].every(n => names.includes(n));
const tuned = () => tunable && state.row !== ALL && (state.beta !== options.beta || state.gamma !== options.gamma);
function divisor(list) {
  if (options.scale !== "sum" && options.scale !== "max") return 1;
  if (list.includes(null)) return null;
  const by = options.scale === "sum" ? list.reduce((a, x) => a + x, 0) : Math.max(0, ...list);
  return by > 0 ? by : 1;
}
function weigh(r) {
  const { gate, curvature, information } = r.components, se = r.se.curvature;
  const bySe = divisor(curvature), byInformation = divisor(information);
  const part = (weight, x, by) => weight === 0 ? 0 : x === null || by === null ? null : weight * x / by;
  const times = (g, ...parts) => g === null || parts.includes(null) ? null : g * parts.reduce((a, x) => a + x, 0);
  return {
    list: gate.map((g, i) => times(g, part(state.beta, curvature[i], bySe), part(state.gamma, information[i], byInformation))),
    errors: se ? gate.map((g, i) => times(g, part(state.beta, se[i], bySe))) : null };
}

/* The numbers shown: one per token before the target, and their errors or null. */
function numbers(r, lens) {
  if (lens !== "score") return { list: r.components[lens], errors: r.se[lens] || null };
  return tuned() ? weigh(r) : { list: r.signed_score || r.score, errors: r.score_se };
}

/* ---- Units: whole characters, words, sentences … */

const cuts = { token: units.map(u => [u[0], u[1]]) };
for (const [level, { ends }] of Object.entries(data.view.levels))
  cuts[level] = ends.map((end, i) => [i ? ends[i - 1] : 0, end]);
const byProbe = Object.values(data.view.levels).some(level => level.errors);
const jointErrors = new Map();
function errorsByProbe(level, r, lens) {
  const key = level + " " + r.index, given = data.view.levels[level].errors;
  if (!jointErrors.has(key)) jointErrors.set(key, r.index === ALL ? {} : unpackAll(given[r.index]));
  const list = jointErrors.get(key)[lens];
  if (!list || lens !== "score" || !tuned()) return list;
  return list.map(x => x === null || !options.beta ? null : x * state.beta / options.beta);
}

/* Every unit that begins before the target: its tokens, sum, error (null: not known), whether it is
 * set apart. Errors of different tokens are independent unless a probe moves all tokens at once. */
function sums(r, lens) {
  const { list, errors } = numbers(r, lens), found = [];
  const given = byProbe && errors && state.level !== "token" ? errorsByProbe(state.level, r, lens) || [] : null;
  cuts[state.level].forEach(([first, last], index) => {
    const end = Math.min(last, list.length);
    if (first >= list.length) return;
    let value = 0, squares = 0, fourths = 0, least = null;
    for (let i = first; i < end; i++) {
      value = value === null || list[i] === null ? null : value + list[i];
      if (!errors) continue;
      squares = squares === null || errors[i] === null ? null : squares + errors[i] ** 2;
      fourths += fourth(errors[i], r.df[i]);
      least = fewer(least, r.df[i]);
    }
    let error = !errors || squares === null ? null : Math.sqrt(squares);
    if (given && end - first > 1) error = given[index] === undefined ? null : given[index];
    if (r.index === ALL && end - first > 1 && errors) /* the upper bound again */
      error = errors.slice(first, end).reduce((a, x) => a === null || x === null ? null : a + x, 0);
    const df = byProbe || r.index === ALL ? least : fourths > 0 ? squares ** 2 / fourths : null;
    found.push({ index, first, last, value, error, df, apart: apart.has(first) });
  });
  return { list, errors, found, sum: sizes(list) };
}

/* ---- Words ------------------------------------------------------------------------------------ */

const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/;
const codeName = c => "U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
const narrow = name => name.replace(/_/g, "_\u200b"); /* may break after an underscore */

function tokenName(text, bytes) {
  if (bytes) return "‹" + bytes.match(/../g).join(" ") + "›";
  if (text === null || text === undefined) return null;
  return "“" + Array.from(text, c => c === "\n" ? "↵" : c === "\t" ? "→" :
    HIDDEN.test(c) ? "‹" + codeName(c) + "›" : c).join("") + "”";
}
const nameOf = thing => tokenName(thing.text, thing.bytes) || "token " + thing.id;
/* A piece of a character is named with the character: ‹f0 9f 98› of “😀”. */
function fullName(i) {
  return nameOf(tokens[i]) + (tokens[i].bytes ? " of " + tokenName(units[unitOf[i]][2]) : "");
}
const targetName = t => t.id === undefined ? "all " + targets.length + " tokens"
  : t.position < tokens.length ? fullName(t.position) : nameOf(t);
/* A unit's text, as far as it is told in a table. */
function blockName(block, most = 80) {
  const text = units.slice(unitOf[block.first], unitOf[block.last - 1] + 1).map(u => u[2]).join("");
  const letters = Array.from(text);
  return tokenName(letters.length > most ? letters.slice(0, most).join("") + "…" : text);
}
/* Messages and documents have names: "document hours", "user 2". */
function unitName(block) {
  const known = state.level === "token" ? null : data.view.levels[state.level].names;
  return known ? known[block.index] : "";
}
/* The name of a unit that has one, and its text; else the text alone. */
function called(block, text) {
  const name = unitName(block);
  return name ? [make("b", {}, name), " ", make("span", { class: "soft" }, text)] : [text];
}
const number = (x, digits = 4) => x === null || x === undefined ? "–" :
  x === 0 ? "0" : Math.abs(x) >= 1e-3 && Math.abs(x) < 1e5 ? String(+x.toPrecision(digits)) : x.toExponential(digits - 2);
const percent = x => {
  if (x === null || x === undefined || Number.isNaN(x)) return "–";
  const size = Math.abs(100 * x);
  return (100 * x).toFixed(size >= 10 || size === 0 ? 1 : size >= 0.01 ? 2 : 3) + " %";
};
const probability = logprob => logprob === null ? "not known" : percent(Math.exp(logprob));
const count = (n, one, many) => n.toLocaleString("en") + " " + (n === 1 ? one : many);
const plural = level => level + "s";
const lensName = lens => lens === "score" ? (attribution.signed ? "signed score" : "score") : lens;
const line = object => Object.entries(object).map(([key, value]) => key + " " + (typeof value === "number" ? number(value) : value)).join(", ");

/* make("td", {class: "name"}, "text", child…): an element; text is never read as markup. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/* ---- The text: one element per unit of whole characters, built once ---------------------------- */

const unitOf = new Array(tokens.length);
const spans = units.map((unit, index) => {
  const span = make("span", { class: "u", "data-unit": index });
  for (let i = unit[0]; i < unit[1]; i++) unitOf[i] = index;
  if (!HIDDEN.test(unit[2])) { /* nearly all: no line break, tab or control */
    span.textContent = unit[2];
    return span;
  }
  let plain = "";
  const flush = () => { if (plain) span.append(plain); plain = ""; };
  for (const c of unit[2]) {
    if (c === "\n" || c === "\t") {
      flush();
      span.append(make("i", { class: "ws", "aria-hidden": "true" }, c === "\n" ? "↵" : "→"), c);
    } else if (HIDDEN.test(c) && c !== "\u200d" && c !== "\u200c") {
      flush();
      span.append(make("i", { class: "ctl" }, codeName(c)));
    } else {
      plain += c;
    }
  }
  flush();
  return span;
});
const rowByPosition = new Map(joint ? targets.map(t => [t.position, 0]) : rows.map((r, index) => [targets[r.target].position, index]));
const rowOfUnit = units.map(unit => {
  for (let i = unit[0]; i < unit[1]; i++) if (rowByPosition.has(i)) return rowByPosition.get(i);
  return undefined;
});
byId("text").append(...spans);

/* Which block of the level a unit of characters lies in. */
const blockOf = {};
for (const level of LEVELS) {
  const found = blockOf[level] = new Array(units.length);
  cuts[level].forEach(([first, last], index) => {
    for (let u = unitOf[first]; u <= unitOf[last - 1]; u++) if (found[u] === undefined) found[u] = index;
  });
}
const spansOf = index => {
  const [first, last] = cuts[state.level][index];
  return spans.slice(unitOf[first], unitOf[last - 1] + 1);
};

let shown = null; /* what sums() gave for the row, lens and level on the screen */
function paint() {
  const r = rowAt(state.row), position = r.target.position;
  shown = sums(r, state.lens);
  shown.peak = shown.found.reduce((most, b) => b.value === null || b.apart ? most : Math.max(most, Math.abs(b.value)), 0);
  byId("text").dataset.level = state.level;
  shown.diverging = shown.found.some(b => b.value < 0);
  units.forEach((unit, i) => {
    const block = shown.found[blockOf[state.level][i]], kinds = ["u"];
    let level = 0;
    if (rowOfUnit[i] !== undefined) kinds.push("explained");
    if (state.row !== ALL && (joint ? rowOfUnit[i] !== undefined : unit[0] <= position && position < unit[1])) {
      kinds.push("target");
    } else if (unit[0] >= position || !block) {
      kinds.push("later");
    } else if (block.apart) {
      kinds.push("apart");
    } else if (block.value === null) {
      kinds.push("missing");
    } else {
      level = shown.peak ? 100 * Math.abs(block.value) / shown.peak : 0;
      if (block.value < 0) kinds.push("minus");
      if (level > 78) kinds.push("strong");
      if (level > 52) kinds.push("middle");
    }
    if (found.has(i)) kinds.push("found");
    spans[i].className = kinds.join(" ");
    spans[i].style.setProperty("--v", level.toFixed(1));
  });
}

/* ---- Beside and below the text ----------------------------------------------------------------- */

function facts(pairs) {
  const list = make("dl", { class: "facts" });
  for (const [key, value] of pairs)
    if (value !== null && value !== undefined && value !== "")
      list.append(make("dt", {}, key), make("dd", {}, value));
  return list;
}

function track(share, most, grey) {
  const bar = make("span", { class: grey ? "grey" : share < 0 ? "minus" : "" });
  bar.style.width = most > 0 ? Math.max(.5, 100 * Math.abs(share) / most) + "%" : "0";
  return make("td", { class: "track" }, bar);
}

function drawLegend() {
  const ramp = make("span", { class: "ramp", "aria-hidden": "true" });
  for (let i = shown.diverging ? -10 : 0; i <= 10; i += shown.diverging ? 1 : .5) {
    const step = make("i", i < 0 ? { class: "minus" } : {});
    step.style.setProperty("--v", 10 * Math.abs(i));
    ramp.append(step);
  }
  const most = percent(shareOf(shown.peak, shown.sum));
  const scale = make("span", { class: "num" }, shown.diverging ? "−" + most : "0 %", ramp, most + " of the sum");
  const keys = [make("span", {}, make("span", { class: "u apart tag" }, "set apart"), " (listed by itself)")];
  if (state.row !== ALL) keys.unshift(make("span", {}, make("span", { class: "u target tag" }, "explained token")));
  if (shown.list.includes(null)) keys.push(make("span", { class: "u missing tag" }, "not computed"));
  if (shown.diverging) keys.push(make("span", {}, "blue speaks for it, orange against it"));
  byId("legend").replaceChildren(...(shown.peak ? [scale] : []), ...keys);
}

function drawMean() {
  byId("target").replaceChildren(make("p", { class: "soft small" }, "Why did the model write"),
    make("p", { class: "why" }, targetName({}) + "?"),
    make("p", { class: "small" }, "The mean of the rows of all explained tokens, each divided by its own sum, over the " +
      count(rowAt(ALL).target.position, "token", "tokens") + " that stand before all of them. " +
      percent(1 - shown.sum) + " rests on the explained tokens themselves. ± is an upper bound: the targets share their probes."));
}

function drawAll() {
  const t = rowAt(0).target, said = tokens.slice(t.position, targets[targets.length - 1].position + 1);
  const text = said.length ? new TextDecoder().decode(new TextEncoder().encode(data.input.text)
    .slice(said[0].start, said[said.length - 1].end)) : null;
  byId("target").replaceChildren(make("p", { class: "soft small" }, "Why did the model write"),
    make("p", { class: "why", dir: "auto" }, (tokenName(text) || targetName({})) + "?"),
    facts([["probability", probability(t.logprob)], ["log-probability", number(t.logprob)],
      ["position", "tokens " + t.position + "–" + targets[targets.length - 1].position]]),
    make("p", { class: "small", style: "margin-top:8px" }, "Explained as a whole is the sum of " +
      ({ logit_sum: "the logits", prob_sum: "the probabilities", logit_prob_sum: "log p − log(1 − p)" }[attribution.objective] ||
        "the log-probabilities") + " of " + count(targets.length, "token", "tokens") + ", by what stands before the first of them."));
}

function drawTarget() {
  const t = rowAt(state.row).target, box = byId("target"), joined = name => name.replace(/ /g, "\u00a0");
  if (state.row === ALL) return drawMean();
  if (joint) return drawAll();
  const origin = { forced: "given, however likely", generated: (options.temperature ? "drawn" : "written") + " by the model",
    own: "the text’s own last token", top: "what the model would write next" }[t.origin] || t.origin;
  const pairs = [["probability", probability(t.logprob)], ["log-probability", number(t.logprob)],
    ["rank", t.rank === null ? null : t.rank === 1 ? "1 (first choice)" : t.rank.toLocaleString("en")],
    ["entropy", t.entropy === null ? null : number(t.entropy) + " nats"],
    ["position", "token " + t.position], ["origin", origin]];
  box.replaceChildren(make("p", { class: "soft small" }, "Why did the model write"),
    make("p", { class: "why", dir: "auto" }, joined(targetName(t)) + (t.foil ? " rather than " + joined(nameOf(t.foil)) : "") + "?"),
    facts(pairs));
  if (t.foil)
    box.append(make("p", { class: "small soft", style: "margin-top:8px" }, nameOf(t.foil) + " had probability " +
      probability(t.foil.logprob) + "; explained is the difference of the two log-probabilities, " +
      (t.logprob === null || t.foil.logprob === null ? "not known yet" : number(t.logprob - t.foil.logprob) + " nats") + "."));
  if (t.top.length) {
    const body = make("tbody");
    const most = Math.max(...t.top.map(c => Math.exp(c.logprob)));
    for (const c of t.top)
      body.append(make("tr", {}, make("td", { class: "name", dir: "auto" }, nameOf(c)),
        track(Math.exp(c.logprob), most, c.id !== t.id), make("td", {}, probability(c.logprob))));
    box.append(make("p", { class: "small soft", style: "margin-top:10px" }, "The model’s first choices"),
      make("table", { class: "small" }, body));
  }
}

const kindOf = block => block.first === 0 ? "first (sink)" : tokens[block.first].kind;
const errorText = (error, sum) => error === null || error === undefined ? "" : "± " + percent(shareOf(error, sum));

function drawApart() {
  const listed = shown.found.filter(b => b.apart), box = byId("apart");
  box.hidden = !listed.length;
  const sum = listed.reduce((all, b) => b.value === null ? all : all + Math.abs(b.value), 0);
  const most = Math.max(...listed.map(b => Math.abs(b.value || 0)));
  const body = make("tbody");
  for (const block of listed)
    body.append(link(make("tr", {},
      make("td", { class: "name", dir: "auto", title: blockName(block) }, blockName(block, 24)),
      make("td", { class: "name soft" }, kindOf(block)),
      track(Math.abs(block.value || 0), most, true),
      make("td", {}, percent(shareOf(block.value, shown.sum)))), block.index));
  box.replaceChildren(make("h2", {}, "Set apart: " + percent(shareOf(sum, shown.sum)) + " of the sum"),
    make("p", { class: "small soft" }, "The first token collects weight whatever it says (an attention sink); special and template tokens come with every prompt. The colours scale without them."),
    make("div", { class: "scroll", style: "max-height:300px" }, make("table", { class: "small" }, body)));
}

/* Neighbours in rank whose difference is inside its 95 % interval are tied. */
function tied(a, b) {
  if (a.error === null || b.error === null) return false;
  const square = a.error ** 2 + b.error ** 2, fourths = fourth(a.error, a.df) + fourth(b.error, b.df);
  const df = fourths > 0 ? square ** 2 / fourths : null;
  return Math.abs(a.value) - Math.abs(b.value) < factor(df) * Math.sqrt(square);
}

function drawBest() {
  const order = shown.found.filter(b => b.value !== null && !b.apart);
  order.sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.index - b.index);
  const list = state.all ? order : order.slice(0, SHORT), r = rowAt(state.row);
  const columns = state.row === ALL ? [] : ["score", ...names].filter(name => name !== state.lens);
  const others = columns.map(name => new Map(sums(r, name).found.map(b => [b.index, b.value])));
  const most = order.length ? Math.abs(order[0].value) : 0;
  byId("ranking").textContent = "Strongest " + plural(state.level) + " by " + lensName(state.lens);
  byId("all").hidden = order.length <= SHORT;
  byId("all").textContent = state.all ? "first " + SHORT : "all " + order.length.toLocaleString("en");
  byId("best-head").replaceChildren(make("tr", {}, make("th", {}, "#"), make("th", { class: "name" }, state.level),
    make("th", { class: "name" }, "share of the sum"), make("th", {}, ""), make("th", {}, shown.errors ? "± se" : ""),
    make("th", {}), ...columns.map(name => make("th", {}, narrow(lensName(name))))));
  let ties = false;
  byId("best").replaceChildren(...list.map((block, place) => {
    const near = shown.errors && place + 1 < order.length && tied(block, order[place + 1]);
    ties = ties || near;
    return link(make("tr", {}, make("td", { class: "soft" }, String(state.level === "token" ? block.first : block.index)),
      make("td", { class: "name", dir: "auto", title: blockName(block, 400) },
        ...called(block, state.level === "token" && block.last - block.first === 1 ? fullName(block.first) : blockName(block))),
      track(block.value, most), make("td", {}, percent(shareOf(block.value, shown.sum))),
      make("td", { class: "soft" }, shown.errors ? errorText(block.error, shown.sum) : ""),
      make("td", { class: "soft tie" }, near ? "≈" : ""),
      ...others.map(values => make("td", {}, number(values.get(block.index), 3)))), block.index);
  }));
  byId("ties").hidden = !ties;
}

/* A row of a table and its unit in the text light up together; a click goes there. */
function link(element, index) {
  const go = () => { spansOf(index)[0].scrollIntoView({ block: "nearest" }); pin(index); };
  element.tabIndex = 0;
  element.addEventListener("click", go);
  element.addEventListener("keydown", event => { if (event.key === "Enter") go(); });
  element.addEventListener("pointerenter", () => light(index));
  element.addEventListener("pointerleave", () => light(state.pinned));
  return element;
}

/* ---- Controls ---------------------------------------------------------------------------------- */

/* A row of buttons, one of which is pressed. */
function choices(box, label, entries, chosen, choose) {
  const buttons = entries.map(([value, text]) => {
    const button = make("button", { type: "button", "aria-pressed": String(value === chosen) }, text);
    button.addEventListener("click", () => { choose(value); box.querySelector("[aria-pressed=true]").focus(); });
    return button;
  });
  box.replaceChildren(make("span", { class: "small soft" }, label), ...buttons);
}

function drawControls() {
  const lenses = state.row === ALL ? ["score"] : ["score", ...names];
  choices(byId("lenses"), "Colour by", lenses.map(lens => [lens, lensName(lens)]), state.lens,
    lens => { state.lens = lens; draw(); });
  choices(byId("levels"), "Sum over", LEVELS.map(level => [level, plural(level)]), state.level,
    level => { light(-1); state.level = level; state.pinned = -1; draw(); });
  const component = attribution.components[state.lens];
  byId("lens").textContent = rowAt(state.row).pending ? "Not computed yet." : !component
    ? "The score of method " + attribution.method + ": " + data.view.summary + (tuned() ? "; weights moved from the recorded ones" : "") + "."
    : state.lens + ": in " + component.unit + ", " + (component.exact ? "computed exactly"
      : "estimated" + (component.estimator ? " (" + component.estimator + ")" : "")) + ".";
  byId("weights").hidden = !tunable || state.row === ALL || state.lens !== "score";
  for (const name of ["beta", "gamma"]) {
    byId(name).value = state[name];
    byId(name + "-value").textContent = number(state[name], 3);
  }
  byId("reset").disabled = !tuned();
}

for (const name of ["beta", "gamma"]) {
  byId(name).max = Math.max(1, options[name] || 0);
  byId(name).addEventListener("input", () => {
    const typed = Number(byId(name).value), step = Number(byId(name).max) / 100;
    state[name] = Math.abs(typed - options[name]) < step / 2 ? options[name] : typed;
    draw();
  });
}
byId("reset").addEventListener("click", () => { state.beta = options.beta; state.gamma = options.gamma; draw(); });

/* Colours follow the system until the button says otherwise; paper is always light. */
const dark = matchMedia("(prefers-color-scheme: dark)");
let theme = dark.matches ? "dark" : "light";
function wear(next) {
  theme = next;
  document.documentElement.dataset.theme = theme;
  byId("theme").textContent = theme === "dark" ? "☀ light" : "☾ dark";
}
dark.addEventListener("change", () => wear(dark.matches ? "dark" : "light"));
byId("theme").addEventListener("click", () => wear(theme === "dark" ? "light" : "dark"));
wear(theme);

const chips = joint ? [] : rows.map((r, index) => {
  const t = targets[r.target];
  const chip = make("button", { type: "button", dir: "auto",
    title: targetName(t) + ", probability " + probability(t.logprob) }, t.bytes ? targetName(t) : nameOf(t).slice(1, -1));
  chip.style.setProperty("--p", t.logprob === null ? 0 : (100 * Math.exp(t.logprob)).toFixed(1));
  chip.addEventListener("click", () => choose(index));
  return chip;
});
const allChip = make("button", { type: "button", title: "The mean of all rows" }, "all");
allChip.addEventListener("click", () => choose(ALL));
byId("chips").append(allChip, ...chips);
byId("targets").hidden = rows.length < 2;

/* ---- Search: in the text as a whole, so that a match may lie in several tokens */

const starts = [];
const wholeText = units.reduce((text, unit) => { starts.push(text.length); return text + unit[2]; }, "");
const found = new Set();
let matches = [], match = -1;
function unitAt(offset) {
  let low = 0, high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= offset) low = middle; else high = middle - 1;
  }
  return low;
}
function search(query) {
  const text = wholeText.toLowerCase(), wanted = query.toLowerCase();
  found.clear();
  matches = [];
  match = -1;
  if (wanted && text.length === wholeText.length)
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
      const first = unitAt(at), last = unitAt(at + wanted.length - 1);
      matches.push(first);
      for (let u = first; u <= last; u++) found.add(u);
    }
  let share = 0;
  for (const u of found)
    for (let i = units[u][0]; i < units[u][1] && i < shown.list.length; i++) share += Math.abs(shown.list[i] || 0);
  byId("matches").textContent = !wanted ? "" : count(matches.length, "match", "matches") +
    (matches.length ? ", " + percent(shareOf(share, shown.sum)) + " of the sum" : "");
  spans.forEach((span, i) => span.classList.toggle("found", found.has(i)));
}
byId("query").addEventListener("input", () => search(byId("query").value));
byId("query").addEventListener("keydown", event => {
  if (event.key === "Escape") { byId("query").value = ""; search(""); byId("query").blur(); }
  if (event.key !== "Enter" || !matches.length) return;
  match = (match + (event.shiftKey ? matches.length - 1 : 1)) % matches.length;
  spans[matches[match]].scrollIntoView({ block: "center" });
  light(blockOf[state.level][matches[match]]);
});

/* ---- Tooltip and pinning */

const tip = byId("tip");
let lit = [];
function light(index) {
  for (const span of lit) span.classList.remove("lit");
  lit = index >= 0 ? spansOf(index) : [];
  for (const span of lit) span.classList.add("lit");
}

/* Name, share, score and parts of tokens [first, last) together. */
function account(block, head) {
  const r = rowAt(state.row), score = sums(r, "score"), own = score.found[block.index];
  const withError = (x, error) => number(x) + (error === null || error === undefined ? "" : " ± " + number(error));
  const pairs = [["share", percent(shareOf(own.value, score.sum)) + " " + errorText(own.error, score.sum)]];
  if (state.row !== ALL) pairs.push([lensName("score"), withError(own.value, own.error)]);
  if (r.signed_score && state.row !== ALL && own.last - own.first === 1) pairs.push(["score", number(r.score[own.first])]);
  for (const name of state.row === ALL ? [] : names) {
    const part = sums(r, name).found[block.index];
    pairs.push([name, withError(part.value, part.error)]);
  }
  if (own.last - own.first === 1 && probesOf(r, own.first)) pairs.push(["probes", String(probesOf(r, own.first))]);
  return make("section", {}, head, facts(pairs));
}

function pieceNames(first, last) {
  return make("p", { class: "soft" }, "One character made of " + (last - first) + " tokens: " +
    tokens.slice(first, last).map(nameOf).join(" ") + "; their sum.");
}

function showTip(index) {
  const [first, last] = cuts[state.level][index], r = rowAt(state.row), position = r.target.position;
  const block = { index, first, last };
  const single = last - first === 1, place = single ? "token " + first : "tokens " + first + "–" + (last - 1);
  const text = single ? fullName(first) : blockName(block, 120);
  const head = make("p", { dir: "auto" }, ...(unitName(block) ? called(block, text) : [make("b", { dir: "auto" }, text)]), " ",
    make("span", { class: "soft" }, place + ", " + kindOf(block)));
  const later = (joint ? rowByPosition.has(first) : position === first) && state.row !== ALL ? "the token explained here"
    : rowByPosition.has(first) ? "an explained token: click to see what it rests on" : "comes after the explained token";
  const sections = [first < r.score.length ? account(block, head)
    : make("section", {}, head, make("p", { class: "soft" }, later))];
  if (state.level === "token" && !single) sections.push(pieceNames(first, last));
  if (first < position && position < last && state.row !== ALL)
    sections.push(make("p", { class: "soft" }, "The explained token lies in it; counted is what stands before that."));
  tip.replaceChildren(...sections);
  tip.hidden = false;
  const span = spansOf(index)[0];
  const at = span.getClientRects()[0] || span.getBoundingClientRect();
  const size = tip.getBoundingClientRect();
  const below = at.bottom + 8 + size.height < innerHeight;
  tip.style.left = Math.max(8, Math.min(at.left, innerWidth - size.width - 8)) + "px";
  tip.style.top = Math.max(8, below ? at.bottom + 8 : at.top - size.height - 8) + "px";
}
function hideTip() {
  light(state.pinned);
  if (state.pinned >= 0) showTip(state.pinned); else tip.hidden = true;
}
function pin(index) {
  state.pinned = index;
  hideTip();
}
const unitUnder = event => {
  const span = event.target.closest && event.target.closest(".u[data-unit]");
  return span ? +span.dataset.unit : -1;
};

/* ---- All of it --------------------------------------------------------------------------------- */

function choose(index) {
  state.row = index;
  state.pinned = -1;
  if (index === ALL) state.lens = "score";
  draw();
  if (rows.length > 1) (index === ALL ? allChip : chips[index]).scrollIntoView({ block: "nearest" });
}

function draw() {
  paint();
  drawControls();
  drawLegend();
  drawTarget();
  drawApart();
  drawBest();
  allChip.setAttribute("aria-pressed", String(state.row === ALL));
  chips.forEach((chip, index) => chip.setAttribute("aria-pressed", String(index === state.row)));
  search(byId("query").value);
  hideTip();
}

byId("text").addEventListener("pointerover", event => {
  const unit = unitUnder(event);
  if (unit < 0 || !rows.length) return;
  light(blockOf[state.level][unit]);
  showTip(blockOf[state.level][unit]);
});
byId("text").addEventListener("pointerout", hideTip);
byId("text").addEventListener("click", event => {
  const unit = unitUnder(event);
  if (unit < 0 || !rows.length) return;
  const explained = rowOfUnit[unit], index = blockOf[state.level][unit];
  if (explained !== undefined && explained !== state.row) choose(explained);
  else pin(state.pinned === index ? -1 : index);
});

/* Left and right: the explained token. With shift: the unit whose numbers are shown. */
addEventListener("keydown", event => {
  if (!rows.length || event.altKey || event.ctrlKey || event.metaKey || event.target.tagName === "INPUT") return;
  const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
  const cycle = (list, now) => list[(list.indexOf(now) + 1) % list.length];
  if (event.key === "Escape") return pin(-1);
  if (event.key === "/") { event.preventDefault(); return byId("query").focus(); }
  if (event.key === "g") { state.pinned = -1; state.level = cycle(LEVELS, state.level); return draw(); }
  if (event.key === "c" && state.row !== ALL) { state.lens = cycle(["score", ...names], state.lens); return draw(); }
  if (event.key === "a" && rows.length > 1) return choose(state.row === ALL ? 0 : ALL);
  if (!step) return;
  event.preventDefault();
  if (!event.shiftKey) return choose(Math.min(Math.max(0, state.row + step), rows.length - 1));
  pin(Math.min(Math.max(0, state.pinned + step), cuts[state.level].length - 1));
  spansOf(state.pinned)[0].scrollIntoView({ block: "nearest" });
});
addEventListener("scroll", hideTip, { passive: true, capture: true });
addEventListener("resize", hideTip);
addEventListener("beforeprint", () => { document.querySelector("details").open = true; });
byId("all").addEventListener("click", () => { state.all = !state.all; draw(); });

const modelName = data.model.name || data.model.file;
const prompted = rows.length ? targetOf(rows[0]).position : tokens.length;
byId("lede").textContent = modelName + " read " + count(prompted, "token", "tokens") + "; " +
  (rows.length === 0 ? "no token is explained yet." : (joint ? count(targets.length, "token that follows is", "tokens that follow are") + " explained as one" : rows.length === 1 ? "one token that follows is explained"
    : rows.length + " tokens that follow are explained") +
  ". The stronger the colour, the more a token did to bring the explained one about.");
const key = name => make("kbd", {}, name);
byId("how").append("Every token before the explained one has a score. Its share is its part of the sum of all " +
  (attribution.signed ? "sizes of scores" : "scores") + "; ± is one standard error, where the score is an estimate. " +
  "Larger units have the sums of their tokens. A character that the model splits into several tokens is shown as one. " +
  "Point at the text for numbers, click to keep them. Keys: ", key("←"), " ", key("→"), " explained token, ",
  key("shift"), " ", key("←"), " ", key("→"), " unit, ", key("g"), " what is summed over, ", key("c"), " what is coloured by, ",
  key("a"), " all targets, ", key("/"), " search, ", key("enter"), " next match.");
if (data.status !== "complete") {
  byId("partial").hidden = false;
  byId("partial").textContent = "This result is partial" + (data.stopped_by ? " (stopped by " + data.stopped_by + ")" : "") +
    ": hatched tokens are not computed yet, and shares are parts of what is.";
}
byId("about").append(...facts([
  ["method", attribution.method + ": " + data.view.summary], ["source", data.view.source],
  ["options", line(options)], ["seed", String(attribution.seed)], ["objective", attribution.objective],
  ["model", modelName + " (" + data.model.architecture + (!data.model.parameters ? ")" : ", " + count(data.model.parameters, "weight", "weights") + ", " +
    data.model.layers + " layers, " + data.model.heads + " heads)")],
  ["file", data.model.file + " (" + data.model.format + ", " + count(data.model.bytes, "byte", "bytes") + ")"],
  ["fingerprint", data.model.fingerprint.kind + " " + data.model.fingerprint.value],
  ["weight types", line(data.model.weight_types)],
  ["tokenizer", [data.model.tokenizer.model, data.model.tokenizer.pre, data.model.tokenizer.fingerprint].filter(Boolean).join(" ")],
  ["cost", count(attribution.cost.forwards, "forward pass", "forward passes") + ", " + count(attribution.cost.reverses, "reverse pass", "reverse passes") + ", " +
    count(attribution.cost.hvps, "Hessian-vector product", "Hessian-vector products") + ", " + number(attribution.cost.flop) + " floating-point operations"],
  ["windows", attribution.windows ? line(attribution.windows) : ""],
  ["checks", line(attribution.checks)], ["command", data.command.join(" ")],
  ["written by", "heta " + data.heta_version + ", schema " + data.schema],
]).childNodes);
if (rows.length) {
  draw();
} else { /* the text is all there is to show */
  for (const id of ["ranking", "target", "apart", "how"]) byId(id).closest(".card").hidden = true;
  for (const id of ["levels", "lenses", "tools", "legend"]) byId(id).hidden = true;
}
})();
