// The panel that edits one filter.

import * as api from "./api.js";
import { activate, button, debounce, field, h, put, quiet } from "./dom.js";
import { failure } from "./failure.js";
import { parse, stringify, typedNumber } from "./json.js";
import * as language from "./language.js";
import { comparable } from "./place.js";
import { counted, fromInput, toInput } from "./words.js";

const SUGGESTED = 50;
const WITH_SUGGESTIONS = new Set(["eq", "neq", "deq"]);
const CONTAINING = { eq: "contains", neq: "ncontains" };
/** Filters where part of a value is meaningful; part of an address is a network, a value of its own. */
const WITH_PARTS = new Set(["text", "path", "url"]);
/** Editors of operators that do not take several values. */
const INPUTS = { isset: nothing, isnotset: nothing, gte_ndays: days, lte_ndays: days, range, gt: bound, gte: bound, lt: bound, lte: bound };
const PRESETS = [
  ["Last hour", 1 / 24],
  ["Last 24 hours", 1],
  ["Last 7 days", 7],
  ["Last 30 days", 30],
  ["Last 90 days", 90],
  ["Last year", 365],
];

/** Calls `set` with values by operator; null removes one. `others()` resolves to the filters that hold beside this. */
export function editor({ name, operator = language.preferred(name), values = [], others, set }) {
  const state = { name, operator, values };
  const inputOf = (operator) => INPUTS[operator] ?? several;
  const body = h(".editor-body");
  const change = (next) => {
    const before = state.operator;
    Object.assign(state, next);
    const operands = inputOf(state.operator) === nothing ? [true] : state.values;
    set({ [before]: null, [state.operator]: operands.length ? operands : null });
  };
  const redraw = () => {
    choose.value = state.operator;
    put(body, inputOf(state.operator)(state, change, { others, redraw }));
    (body.querySelector("[aria-pressed=true]") ?? body.querySelector("[autofocus]") ?? body.querySelector("input, button"))?.focus();
  };
  const onchange = () => {
    const next = choose.value;
    change({ operator: next, values: inputOf(state.operator) === inputOf(next) ? state.values : [] });
    redraw();
  };
  const operators = language.operatorsOf(name).map((id) => h("option", { value: id, selected: id === operator }, language.operatorLabel(name, id)));
  const choose = h("select", { "aria-label": `Operator of ${language.label(name)}`, onchange }, operators);
  redraw();
  return h(".editor", h(".row", h("strong", language.label(name)), choose), body);
}

function nothing(_, change) {
  return h("button.primary", { onclick: () => change({ values: [true] }) }, "Apply");
}

function days({ values: [chosen] }, change, { redraw }) {
  const choose = (value) => {
    change({ values: [value] });
    redraw();
  };
  const presets = PRESETS.map(([text, value]) => button(text, () => choose(value), { "aria-pressed": Math.abs(Number(chosen) - value) < 1e-9 }));
  const onchange = ({ target: { value } }) => value !== "" && choose(typedNumber(value));
  return [h(".presets", presets), field("Days", h("input", { type: "number", min: "0", step: "any", value: chosen, onchange }))];
}

function range({ name, values: [bounds] }, change) {
  const ends = { start: bounds?.start ?? null, end: bounds?.end ?? null };
  const end = (key, title) =>
    field(title, one(name, ends[key], (value) => {
      ends[key] = value;
      const operand = Object.fromEntries(Object.entries(ends).filter(([, bound]) => bound !== null));
      change({ values: Object.keys(operand).length ? [operand] : [] });
    }));
  return [end("start", "From"), end("end", "Until")];
}

function bound({ name, values: [value] }, change) {
  return field("Value", one(name, value, (next) => change({ values: next === null ? [] : [next] })));
}

function one(name, value, set) {
  const [type, shown, read] = language.isMoment(name) ? ["datetime-local", toInput(value), fromInput] : ["number", value, typedNumber];
  return h("input", { type, step: "1", value: shown, onchange: (event) => set(read(event.target.value)) });
}

/** Enter takes the highlighted suggestion: while typing the value equal to the text, or else the first. */
function several(state, change, { others, redraw }) {
  const { name } = state;
  const list = h(".suggestions", { role: "group", "aria-label": "Suggestions", id: "suggestions" });
  const latest = new api.Latest();
  const shown = { text: null, options: [], active: -1, awaited: null };
  const isSame = (value) => (other) => comparable(other) === comparable(value);
  const toggle = (value, on) => {
    const rest = state.values.filter((other) => !isSame(value)(other));
    change({ values: on ? [...rest, value] : rest });
  };
  const highlight = (position) => {
    shown.options[shown.active]?.node.classList.remove("active");
    shown.active = position;
    const option = shown.options[position]?.node;
    option?.classList.add("active");
    activate(box, option?.querySelector("input, button"));
  };
  /** `suggestions` is null if they are not known. */
  const draw = (text, suggestions) => {
    const values = suggestions ?? [];
    const options = [
      ...values.map(({ value, total }) => valueOption(name, value, { total, checked: state.values.some(isSame(value)), toggle })),
      ...typedOptions(state, text, { suggestions, toggle, change }),
    ];
    // Screen readers announce the active one by its id.
    options.forEach(({ node }, position) => (node.querySelector("input, button").id = `suggestion-${position}`));
    Object.assign(shown, { text, options, active: -1 });
    put(list, options.map(({ node }) => node), text && !options.length && quiet("No such value."));
    highlight(text ? Math.max(values.findIndex(({ value }) => isCalled(name, value, text)), 0) : -1);
    if (shown.awaited === text) take();
  };
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
  /** Waits until the suggestions match the current text. */
  const take = () => {
    const text = box.value.trim();
    if (shown.text !== text) {
      shown.awaited = text;
      return void suggest();
    }
    shown.awaited = null;
    if (!shown.options[shown.active]) return;
    shown.options[shown.active].take();
    redraw();
  };
  const suggestSoon = debounce(suggest, 120);
  const step = (by) => highlight(Math.min(Math.max(shown.active + by, 0), shown.options.length - 1));
  const keys = { ArrowDown: () => step(1), ArrowUp: () => step(-1), Enter: take };
  const box = h("input", {
    type: "text",
    dir: "auto",
    autofocus: true,
    autocomplete: "off",
    placeholder: state.operator === "text" ? "Words" : "Type a value, press Enter",
    "aria-label": `Value of ${language.label(name)}`,
    "aria-controls": list.id,
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
  const chosen = state.values.map((value) => {
    const text = language.valueLabel(name, value);
    return h("span.value", text, h("button.bare", { "aria-label": ["Without ", text], onclick: () => (toggle(value, false), redraw()) }, "×"));
  });
  return [chosen.length > 0 && h(".values", chosen), box, list];
}

function valueOption(name, value, { total, checked, toggle }) {
  const node = h(
    "label.option",
    { title: String(value?.id ?? value) },
    h("input", { type: "checkbox", checked, onchange: (event) => toggle(value, event.target.checked) }),
    h("span.grow", language.valueLabel(name, value)),
    total !== null && h("span.quiet", counted(total)),
  );
  return { node, take: () => toggle(value, true) };
}

/** The typed text as a value, or as `contains`, first if no value begins with it; null as suggestions: unknown. */
function typedOptions({ name, operator, values }, text, { suggestions, toggle, change }) {
  // Enumerations suggest all their values.
  if (!text || (language.typeOf(name) === "enumeration" ? suggestions : suggestions?.some(({ value }) => isCalled(name, value, text)))) return [];
  const option = (operator, take) => ({
    node: h(".option", h("button.bare.grow", { onclick: take }, language.operatorLabel(name, operator), " “", text, "”")),
    take,
  });
  const just = option(operator, () => toggle(typed(name, text), true));
  const containing = CONTAINING[operator];
  if (values.length || !containing || !WITH_PARTS.has(language.typeOf(name))) return [just];
  const within = option(containing, () => change({ operator: containing, values: [text] }));
  return suggestions?.length === 0 ? [within, just] : [just, within];
}

const isEqual = (one, other) => String(one).toLowerCase() === String(other).toLowerCase();

const isCalled = (name, value, text) => [language.valueLabel(name, value), value?.id ?? value, stringify(value)].some((called) => isEqual(called, text));

/** Values that begin with the text, most frequent first; if values have names, those whose name contains it. */
async function suggested(name, text, filters, signal) {
  const named = language.choicesOf(name);
  const contains = (called) => called.toLowerCase().includes(text.toLowerCase());
  const query = { filters, facets: [name], limit: named.length ? 1_000 : SUGGESTED, prefix: named.length ? "" : text };
  const { facets: [{ values: frequent }] } = await api.facets(query, { signal });
  const present = new Set(frequent.map(({ value }) => String(value).toLowerCase()));
  const absent = (choices, total) =>
    choices.filter(({ value }) => !present.has(String(value).toLowerCase())).map(({ value }) => ({ value, total: value === null ? null : total }));
  if (!named.length) return [...frequent, ...absent(language.givenNames(name).filter((choice) => text && contains(choice.name)), null)];
  return [...frequent, ...absent(named, 0)].filter(({ value }) => contains(`${language.valueLabel(name, value)} ${value}`)).slice(0, SUGGESTED * 2);
}

function typed(name, text) {
  const choices = language.choicesOf(name);
  const meant = [...choices, ...language.givenNames(name)].find((choice) => isEqual(choice.name, text));
  if (meant) return meant.value;
  if (isEqual(text, "none") && choices.some((choice) => choice.value === null)) return null;
  const type = language.typeOf(name);
  if (type === "int" && /^-?\d+$/.test(text)) return typedNumber(text);
  if (type !== "entity" || !text.startsWith("{")) return text;
  try {
    return parse(text);
  } catch {
    return text;
  }
}
