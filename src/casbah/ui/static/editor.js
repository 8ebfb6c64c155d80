// The panel that edits one filter: its operator and its values, with suggestions from the data.

import * as api from "./api.js";
import { debounce, h, put } from "./dom.js";
import { failure } from "./failure.js";
import { parse, stringify, typedNumber } from "./json.js";
import * as language from "./language.js";
import { comparable } from "./place.js";
import { counted, fromInput, toInput } from "./words.js";

const SUGGESTED = 50;
const WITHOUT_VALUES = new Set(["isset", "isnotset"]);
const WITH_SUGGESTIONS = new Set(["eq", "neq", "deq"]);
/** For operators on whole values: the one that matches values containing a text. */
const CONTAINING = { eq: "contains", neq: "ncontains" };
/** Kinds of filters where part of a value is meaningful; part of an address is a network, a value of its own. */
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

/**
 * A panel for a filter. It calls `set(changes)` with values by operator; null removes an operator. `others()` resolves to the
 * filters that hold beside it.
 */
export function editor({ name, operator, values, others, set }) {
  const state = { operator: operator ?? language.preferred(name), values: values ?? [] };
  const body = h("div", { class: "editor-body" });
  const change = (next) => {
    const before = state.operator;
    Object.assign(state, next);
    const operands = WITHOUT_VALUES.has(state.operator) ? [true] : state.values;
    set({ [before]: null, [state.operator]: operands.length ? operands : null });
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
    language.operatorsOf(name).map((id) =>
      h("option", { value: id, selected: id === state.operator }, language.operatorLabel(name, id)),
    ),
  );
  redraw();
  return h("div", { class: "editor" }, h("div", { class: "row" }, h("strong", {}, language.label(name)), choose), body);
}

/** Whether values of one operator are valid for another. */
function fits(one, other) {
  const kind = (operator) =>
    WITHOUT_VALUES.has(operator) ? "none" : DAYS.has(operator) ? "days" : operator === "range" ? "range" : BOUNDS.has(operator) ? "bound" : "values";
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
  const bounds = state.values[0] ?? {};
  const ends = { start: bounds.start ?? null, end: bounds.end ?? null };
  const end = (key, title) =>
    h("label", { class: "field" }, title, one(name, ends[key], (value) => {
      ends[key] = value;
      const operand = Object.fromEntries(Object.entries(ends).filter(([, bound]) => bound !== null));
      change({ values: Object.keys(operand).length ? [operand] : [] });
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
 * Individual values: the chosen ones, a text box, and suggestions with their counts. Enter takes the highlighted suggestion;
 * while typing that is the value equal to the text, or else the first suggestion.
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
  const draw = (text, suggestions) => {
    const values = suggestions ?? [];
    const isChosen = (value) => state.values.some((other) => comparable(other) === comparable(value));
    const options = [
      ...values.map(({ value, total }) => valueOption(name, value, { total, checked: isChosen(value), toggle })),
      ...typedOptions(name, state, text, { suggestions, toggle, change }),
    ].map(numbered);
    Object.assign(shown, { text, options, active: -1 });
    put(list, options.map((option) => option.node));
    const same = values.findIndex(({ value }) => isCalled(name, value, text));
    highlight(text ? Math.max(same, 0) : -1);
    if (shown.awaited === text) take();
  };
  /** Draw the suggestions for the current text. */
  const suggest = async () => {
    const text = box.value.trim();
    const signal = latest.begin();
    if (!WITH_SUGGESTIONS.has(state.operator) || !language.isCountable(name)) return draw(text, null);
    let values;
    try {
      values = await suggested(name, text, await others(), signal);
    } catch (error) {
      if (api.isAborted(error)) return;
      // The typed text can still be used.
      draw(text, null);
      list.append(failure(error, suggest));
      return;
    }
    draw(text, values);
  };
  /** Take the highlighted suggestion, once the suggestions match the current text. */
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
  const suggestSoon = debounce(suggest, 120);
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

/** Give a suggestion an id, so that screen readers can announce it. */
function numbered(option, position) {
  option.node.querySelector("input, button").id = `suggestion-${position}`;
  return option;
}

/** A value of the data as a suggestion: its element, and its action for Enter. */
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
 * The typed text itself as suggestions: as a value, or as `contains`. The latter comes first if no value begins with the
 * text; `suggestions` is null if that is unknown.
 */
function typedOptions(name, state, text, { suggestions, toggle, change }) {
  if (!text || suggestions?.some(({ value }) => isCalled(name, value, text))) return [];
  const option = (operator, take) => ({
    node: h("div", { class: "option" }, h("button", { class: "bare grow", onclick: take }, language.operatorLabel(name, operator), " “", text, "”")),
    take,
  });
  const just = option(state.operator, () => toggle(typed(name, text), true));
  const containing = CONTAINING[state.operator];
  if (state.values.length || !containing || !WITH_PARTS.has(language.typeOf(name))) return [just];
  const within = option(containing, () => change({ operator: containing, values: [text] }));
  return suggestions?.length === 0 ? [within, just] : [just, within];
}

/** Whether a text is the name of a value, or the value itself. */
const isCalled = (name, value, text) =>
  [language.valueLabel(name, value), String(value?.id ?? value), stringify(value)].some((called) => called.toLowerCase() === text.toLowerCase());

/** Values that begin with the text, most frequent first; if values have names, those whose name contains it. */
async function suggested(name, text, others, signal) {
  const wanted = text.trim().toLowerCase();
  const named = language.choicesOf(name);
  const query = { filters: others, facets: [name], limit: named.length ? 1_000 : SUGGESTED, prefix: named.length ? "" : text.trim() };
  const frequent = (await api.facets(query, { signal })).facets[0].values;
  const present = new Set(frequent.map((choice) => String(choice.value).toLowerCase()));
  if (!named.length) {
    const called = language.givenNames(name).filter((choice) => wanted && choice.name.toLowerCase().includes(wanted));
    return [...frequent, ...called.filter(({ value }) => !present.has(String(value).toLowerCase())).map(({ value }) => ({ value, total: null }))];
  }
  const absent = named.filter((choice) => !present.has(String(choice.value).toLowerCase())).map((choice) => ({ value: choice.value, total: choice.value === null ? null : 0 }));
  return [...frequent, ...absent]
    .filter((choice) => `${language.valueLabel(name, choice.value)} ${choice.value}`.toLowerCase().includes(wanted))
    .slice(0, SUGGESTED * 2);
}

/** The filter value for a typed text; a name stands for its value. */
function typed(name, text) {
  const meant = [...language.choicesOf(name), ...language.givenNames(name)].find((choice) => choice.name.toLowerCase() === text.toLowerCase());
  if (meant) return meant.value;
  if (text.toLowerCase() === "none" && language.choicesOf(name).some((choice) => choice.value === null)) return null;
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
