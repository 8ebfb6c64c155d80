// The panel that sets one filter: its operator, and its values, which it suggests from the data.

import * as api from "./api.js";
import { calmly, h, put } from "./dom.js";
import * as language from "./language.js";
import { counted, fromInput, toInput } from "./words.js";

const SUGGESTED = 50;
const UNCOUNTABLE = new Set(["text", "date", "created", "activity.id"]);
const WITHOUT_VALUES = new Set(["isset", "isnotset"]);
const WITH_SUGGESTIONS = new Set(["eq", "neq", "deq"]);
const DAYS = new Set(["gte_ndays", "lte_ndays"]);
const BOUNDS = new Set(["gt", "gte", "lt", "lte"]);
const PRESETS = [
  ["Last hour", 1 / 24],
  ["Last 24 hours", 1],
  ["Last 7 days", 7],
  ["Last 30 days", 30],
  ["Last 90 days", 90],
  ["Last year", 365],
];

/** A panel for a filter. `set(changes)` is told values by operator; null takes an operator away. */
export function editor({ name, operator, values, others, set }) {
  const state = { operator: operator ?? language.preferred(name), values: values ?? [] };
  const body = h("div", { class: "editor-body" });
  const change = (next) => {
    const before = state.operator;
    Object.assign(state, next);
    const given = WITHOUT_VALUES.has(state.operator) ? [true] : state.values;
    set({ [before]: null, [state.operator]: given.length ? given : null });
  };
  const redraw = () => {
    put(body, input(name, state, change, others, redraw));
    const next = body.querySelector("[aria-pressed=true]") ?? body.querySelector("[autofocus]") ?? body.querySelector("input, button");
    next?.focus();
  };
  const choose = h(
    "select",
    {
      "aria-label": `Operator of ${language.label(name)}`,
      onchange: (event) => {
        const next = event.target.value;
        change({ operator: next, values: fits(state.operator, next) ? state.values : [] });
        redraw();
      },
    },
    language.operatorsOf(name).map((each) =>
      h("option", { value: each, selected: each === state.operator }, language.operatorLabel(name, each)),
    ),
  );
  redraw();
  return h("div", { class: "editor" }, h("div", { class: "row" }, h("strong", {}, language.label(name)), choose), body);
}

/** Whether values of one operator make sense behind another. */
function fits(one, other) {
  const kind = (each) =>
    WITHOUT_VALUES.has(each) ? "none" : DAYS.has(each) ? "days" : each === "range" ? "range" : BOUNDS.has(each) ? "bound" : "values";
  return kind(one) === kind(other);
}

function input(name, state, change, others, redraw) {
  if (WITHOUT_VALUES.has(state.operator)) {
    return h("button", { class: "primary", onclick: () => change({ values: [true] }) }, "Apply");
  }
  if (DAYS.has(state.operator)) return days(state, change, redraw);
  if (state.operator === "range") return range(name, state, change);
  if (BOUNDS.has(state.operator)) return bound(name, state, change);
  return several(name, state, change, others, redraw);
}

function days(state, change, redraw) {
  const choose = (value) => {
    change({ values: [value] });
    redraw();
  };
  const chosen = Number(state.values[0]);
  return [
    h(
      "div",
      { class: "presets" },
      PRESETS.map(([text, value]) =>
        h("button", { "aria-pressed": String(Math.abs(chosen - value) < 1e-9), onclick: () => choose(value) }, text),
      ),
    ),
    h(
      "label",
      { class: "field" },
      "Days",
      h("input", {
        type: "number",
        min: "0",
        step: "any",
        value: state.values[0] ?? "",
        onchange: (event) => event.target.value !== "" && choose(Number(event.target.value)),
      }),
    ),
  ];
}

function range(name, state, change) {
  const given = state.values[0] ?? {};
  const ends = { start: given.start ?? null, end: given.end ?? null };
  const end = (key, title) =>
    h("label", { class: "field" }, title, one(name, ends[key], (value) => {
      ends[key] = value;
      const said = Object.fromEntries(Object.entries(ends).filter(([, each]) => each !== null));
      change({ values: Object.keys(said).length ? [said] : [] });
    }));
  return [end("start", "From"), end("end", "Until")];
}

function bound(name, state, change) {
  return h("label", { class: "field" }, "Value", one(name, state.values[0] ?? null, (value) => change({ values: value === null ? [] : [value] })));
}

/** An input for one moment or number. */
function one(name, value, set) {
  if (language.isMoment(name)) {
    return h("input", { type: "datetime-local", step: "1", value: toInput(value), onchange: (event) => set(fromInput(event.target.value)) });
  }
  return h("input", { type: "number", step: "1", value: value ?? "", onchange: (event) => set(event.target.value === "" ? null : Number(event.target.value)) });
}

/** Values one by one: those chosen, a box to type in, and suggestions with how many activities have them. */
function several(name, state, change, others, redraw) {
  const suggestions = h("div", { class: "suggestions", role: "group", "aria-label": "Suggestions" });
  const latest = new api.Latest();
  const box = h("input", {
    type: "text",
    autofocus: true,
    placeholder: state.operator === "text" ? "Words" : "Type a value, press Enter",
    "aria-label": `Value of ${language.label(name)}`,
    oninput: calmly(() => suggest(box.value), 120),
    onkeydown: (event) => {
      if (event.key !== "Enter" || !box.value.trim()) return;
      event.preventDefault();
      for (const each of box.value.split("\n").map((text) => text.trim()).filter(Boolean)) toggle(typed(name, each), true);
      redraw();
    },
  });
  const chosen = () => new Set(state.values.map((each) => JSON.stringify(each).toLowerCase()));
  const toggle = (value, on) => {
    const rest = state.values.filter((each) => JSON.stringify(each).toLowerCase() !== JSON.stringify(value).toLowerCase());
    change({ values: on ? [...rest, value] : rest });
  };
  const suggest = async (prefix) => {
    if (!WITH_SUGGESTIONS.has(state.operator) || UNCOUNTABLE.has(name)) return;
    const signal = latest.begin();
    try {
      const found = await suggested(name, prefix, others, signal);
      const marked = chosen();
      put(suggestions, found.map(({ value, total }) => option(name, value, total, marked.has(JSON.stringify(value).toLowerCase()), toggle)));
    } catch (error) {
      if (!api.gaveUp(error)) put(suggestions, h("p", { class: "wrong" }, error.message));
    }
  };
  suggest("");
  const own = state.values.map((each) =>
    h(
      "span",
      { class: "value" },
      language.valueLabel(name, each),
      h("button", { class: "bare", "aria-label": `Without ${language.valueLabel(name, each)}`, onclick: () => (toggle(each, false), redraw()) }, "×"),
    ),
  );
  return [own.length > 0 && h("div", { class: "values" }, own), box, suggestions];
}

function option(name, value, total, checked, toggle) {
  const text = language.valueLabel(name, value);
  return h(
    "label",
    { class: "option", title: String(value?.id ?? value) },
    h("input", { type: "checkbox", checked, onchange: (event) => toggle(value, event.target.checked) }),
    h("span", { class: "grow" }, text),
    total !== null && h("span", { class: "quiet" }, counted(total)),
  );
}

/** Values that begin so, the most frequent first; where values have names, those whose name holds the text. */
async function suggested(name, text, others, signal) {
  const wanted = text.trim().toLowerCase();
  const named = language.choicesOf(name);
  const asked = { filters: others, facets: [name], limit: named.length ? 1_000 : SUGGESTED, prefix: named.length ? "" : text.trim() };
  const found = (await api.facets(asked, { signal })).facets[0].values;
  if (!named.length) return found;
  const there = new Set(found.map((each) => String(each.value).toLowerCase()));
  const absent = named.filter((each) => !there.has(String(each.value).toLowerCase())).map((each) => ({ value: each.value, total: each.value === null ? null : 0 }));
  return [...found, ...absent]
    .filter((each) => `${language.valueLabel(name, each.value)} ${each.value}`.toLowerCase().includes(wanted))
    .slice(0, SUGGESTED * 2);
}

/** What somebody typed, as the filter takes it; a name stands for the value that it names. */
function typed(name, text) {
  const meant = language.choicesOf(name).find((each) => each.name.toLowerCase() === text.toLowerCase());
  if (meant) return meant.value;
  if (text.toLowerCase() === "none" && language.choicesOf(name).some((each) => each.value === null)) return null;
  const type = language.typeOf(name);
  if (type === "int" && /^-?\d+$/.test(text)) return Number(text);
  if (type === "entity" && text.startsWith("{")) {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  return text;
}
