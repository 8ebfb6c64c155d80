// The panel that sets one filter: its operator, and its values, which it suggests from the data.

import * as api from "./api.js";
import { calmly, h, put } from "./dom.js";
import { failure } from "./failure.js";
import { parse, stringify, typedNumber } from "./json.js";
import * as language from "./language.js";
import { comparable } from "./place.js";
import { counted, fromInput, toInput } from "./words.js";

const SUGGESTED = 50;
const UNCOUNTABLE = new Set(["text", "date", "created", "activity.id"]);
const WITHOUT_VALUES = new Set(["isset", "isnotset"]);
const WITH_SUGGESTIONS = new Set(["eq", "neq", "deq"]);
/** The operator that finds what merely contains a text, where an operator asks for whole values. */
const CONTAINING = { eq: "contains", neq: "ncontains" };
/** Kinds of filters of which a part of a value means something; a part of an address is a network, and whole. */
const WITH_PARTS = new Set(["text", "path", "url"]);
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
    choose.value = state.operator;
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
        onchange: (event) => event.target.value !== "" && choose(typedNumber(event.target.value)),
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
  return h("input", { type: "number", step: "1", value: value ?? "", onchange: (event) => set(typedNumber(event.target.value)) });
}

/**
 * Values one by one: those chosen, a box to type in, and suggestions with how many activities have them. Enter takes the
 * suggestion that is highlighted; once something is typed that is the value of just this text, or else the first suggestion.
 */
function several(name, state, change, others, redraw) {
  const list = h("div", { class: "suggestions", role: "group", "aria-label": "Suggestions", id: "suggestions" });
  const latest = new api.Latest();
  const shown = { text: null, options: [], active: -1, awaited: null };
  const toggle = (value, on) => {
    const rest = state.values.filter((other) => comparable(other) !== comparable(value));
    change({ values: on ? [...rest, value] : rest });
  };
  const highlight = (position) => {
    shown.options[shown.active]?.node.classList.remove("active");
    shown.active = position;
    const option = shown.options[position]?.node;
    option?.classList.add("active");
    option?.scrollIntoView({ block: "nearest" });
    if (option) box.setAttribute("aria-activedescendant", option.querySelector("input, button").id);
    else box.removeAttribute("aria-activedescendant");
  };
  const draw = (text, found) => {
    const values = found ?? [];
    const isChosen = (value) => state.values.some((other) => comparable(other) === comparable(value));
    const options = [
      ...values.map(({ value, total }) => valueOption(name, value, { total, checked: isChosen(value), toggle })),
      ...typedOptions(name, state, text, { found, toggle, change }),
    ].map(numbered);
    Object.assign(shown, { text, options, active: -1 });
    put(list, options.map((option) => option.node));
    const same = values.findIndex(({ value }) => isCalled(name, value, text));
    highlight(text ? Math.max(same, 0) : -1);
    if (shown.awaited === text) take();
  };
  /** Draw the suggestions for what is typed now. */
  const suggest = async () => {
    const text = box.value.trim();
    const signal = latest.begin();
    if (!WITH_SUGGESTIONS.has(state.operator) || UNCOUNTABLE.has(name)) return draw(text, null);
    let values;
    try {
      values = await suggested(name, text, others, signal);
    } catch (error) {
      if (api.gaveUp(error)) return;
      // What was typed can be taken all the same.
      draw(text, null);
      list.append(failure(error, suggest));
      return;
    }
    draw(text, values);
  };
  /** Take what is highlighted, once the suggestions are those for what is typed. */
  const take = () => {
    const text = box.value.trim();
    if (shown.text !== text) {
      shown.awaited = text;
      return void suggest();
    }
    shown.awaited = null;
    if (shown.active < 0) return;
    shown.options[shown.active].take();
    redraw();
  };
  const suggestSoon = calmly(suggest, 120);
  const keys = {
    ArrowDown: () => highlight(Math.min(shown.active + 1, shown.options.length - 1)),
    ArrowUp: () => highlight(Math.min(Math.max(shown.active - 1, 0), shown.options.length - 1)),
    Enter: take,
  };
  const box = h("input", {
    type: "text",
    dir: "auto",
    autofocus: true,
    autocomplete: "off",
    placeholder: state.operator === "text" ? "Words" : "Type a value, press Enter",
    "aria-label": `Value of ${language.label(name)}`,
    "aria-controls": "suggestions",
    oninput: () => {
      shown.awaited = null;
      suggestSoon();
    },
    onkeydown: (event) => {
      if (!(event.key in keys) || event.isComposing) return;
      event.preventDefault();
      keys[event.key]();
    },
  });
  suggest();
  const own = state.values.map((value) => chosen(name, value, () => (toggle(value, false), redraw())));
  return [own.length > 0 && h("div", { class: "values" }, own), box, list];
}

function chosen(name, value, remove) {
  const text = language.valueLabel(name, value);
  return h("span", { class: "value" }, text, h("button", { class: "bare", "aria-label": ["Without ", text], onclick: remove }, "×"));
}

/** A suggestion gets an id, by which a screen reader is told that it is highlighted. */
function numbered(option, position) {
  option.node.querySelector("input, button").id = `suggestion-${position}`;
  return option;
}

/** A value of the data as a suggestion: its element, and what Enter does with it. */
function valueOption(name, value, { total, checked, toggle }) {
  const text = language.valueLabel(name, value);
  const node = h(
    "label",
    { class: "option", title: String(value?.id ?? value) },
    h("input", { type: "checkbox", checked, onchange: (event) => toggle(value, event.target.checked) }),
    h("span", { class: "grow" }, text),
    total !== null && h("span", { class: "quiet" }, counted(total)),
  );
  return { node, take: () => toggle(value, true) };
}

/**
 * What the typed text itself may mean: just this text, or what contains it. The latter comes first where no value begins
 * with the text; `found` is null where that is not known.
 */
function typedOptions(name, state, text, { found, toggle, change }) {
  if (!text || found?.some(({ value }) => isCalled(name, value, text))) return [];
  const option = (operator, take) => ({
    node: h("div", { class: "option" }, h("button", { class: "bare grow", onclick: take }, language.operatorLabel(name, operator), " “", text, "”")),
    take,
  });
  const just = option(state.operator, () => toggle(typed(name, text), true));
  const containing = CONTAINING[state.operator];
  if (state.values.length || !containing || !WITH_PARTS.has(language.typeOf(name))) return [just];
  const within = option(containing, () => change({ operator: containing, values: [text] }));
  return found?.length === 0 ? [within, just] : [just, within];
}

/** Whether a text is what a value is called, or the value itself. */
const isCalled = (name, value, text) =>
  [language.valueLabel(name, value), String(value?.id ?? value), stringify(value)].some((called) => called.toLowerCase() === text.toLowerCase());

/** Values that begin with the text, the most frequent first; where values have names, those whose name contains it. */
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

/** A typed text as the filter takes it; a name means the value that it names. */
function typed(name, text) {
  const meant = language.choicesOf(name).find((each) => each.name.toLowerCase() === text.toLowerCase());
  if (meant) return meant.value;
  if (text.toLowerCase() === "none" && language.choicesOf(name).some((each) => each.value === null)) return null;
  const type = language.typeOf(name);
  if (type === "int" && /^-?\d+$/.test(text)) return typedNumber(text);
  if (type === "entity" && text.startsWith("{")) {
    try {
      return parse(text);
    } catch {
      return text;
    }
  }
  return text;
}
