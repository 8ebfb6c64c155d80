import * as api from "./api.js";
import { activate, button, debounce, failure, field, h, icon, input, put, quiet, select, template } from "./dom.js";
import { parse, plain, stringify, typedNumber } from "./json.js";
import { choicesOf, folded, givenNames, isCountable, isMoment, label, operatorLabel, operatorsOf, preferred, typeOf, valueLabel } from "./language.js";
import { stated } from "./period.js";
import { comparable } from "./place.js";
import { counted, fromInput, toInput } from "./words.js";

const SUGGESTED = 50;
const WITH_SUGGESTIONS = ["eq", "neq", "deq"];
const CONTAINING = { eq: "contains", neq: "ncontains" };
/** Filters where part of a value is meaningful; part of an address is a network. */
const WITH_PARTS = ["text", "path", "url"];
const INPUTS = { isset: nothing, isnotset: nothing, gte_ndays: days, lte_ndays: days, range, gt: bound, gte: bound, lt: bound, lte: bound };

/** Calls `set` with values by operator, null to remove one. `others()` resolves to the other filters. */
export function editor({ name, operator = preferred(name), values, others, set }) {
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
  const operators = operatorsOf(name).map((id) => [id, operatorLabel(name, id)]);
  const choose = select(operators, operator, { "aria-label": `Operator of ${label(name)}`, onchange });
  redraw();
  return h(".editor", h(".row", h("strong", label(name)), choose), body);
}

function nothing(_, change) {
  return button("Apply", () => change({ values: [true] }), { class: "primary" });
}

function days({ values: [chosen] }, change, { redraw }) {
  const choose = (value) => {
    change({ values: [value] });
    redraw();
  };
  const { node } = template("presets");
  for (const preset of node.children) {
    const value = preset.dataset.hours / 24;
    preset.ariaPressed = Math.abs(Number(chosen) - value) < 1e-9;
    preset.onclick = () => choose(value);
  }
  const onchange = ({ target: { value } }) => value !== "" && choose(typedNumber(value));
  return [node, field("Days", input({ type: "number", min: "0", step: "any", value: chosen, onchange }))];
}

function range({ name, values: [bounds] }, change) {
  const ends = { start: bounds?.start ?? null, end: bounds?.end ?? null };
  const end = (key, title) =>
    field(title, one(name, ends[key], (value) => {
      ends[key] = value;
      const operand = stated(ends);
      change({ values: Object.keys(operand).length ? [operand] : [] });
    }));
  return [end("start", "From"), end("end", "Until")];
}

function bound({ name, values: [value] }, change) {
  return field("Value", one(name, value, (next) => change({ values: next === null ? [] : [next] })));
}

function one(name, value, set) {
  const [type, shown, read] = isMoment(name) ? ["datetime-local", toInput(value), fromInput] : ["number", value, typedNumber];
  return input({ type, step: "1", value: shown, onchange: (event) => set(read(event.target.value)) });
}

/** Enter takes the highlighted suggestion: while typing the value equal to the text, or else the first. */
function several(state, change, { others, redraw }) {
  const { name } = state;
  const { box, list } = template("values");
  const begin = api.latest();
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
    const signal = begin();
    if (!WITH_SUGGESTIONS.includes(state.operator) || !isCountable(name)) return draw(text, null);
    try {
      draw(text, await suggested(name, text, await others(), signal));
    } catch (error) {
      if (api.isAborted(error)) return;
      // The typed text can still be used.
      draw(text, null);
      list.append(failure(error, suggest));
    }
  };
  /** Waits until the suggestions match the current text. */
  const take = () => {
    const text = box.value.trim();
    if (shown.text !== text) {
      shown.awaited = text;
      return void suggest();
    }
    shown.awaited = null;
    const option = shown.options[shown.active];
    if (!option) return;
    option.take();
    redraw();
  };
  const suggestSoon = debounce(suggest, 120);
  const step = (by) => highlight(Math.min(Math.max(shown.active + by, 0), shown.options.length - 1));
  const keys = { ArrowDown: () => step(1), ArrowUp: () => step(-1), Enter: take };
  box.placeholder = state.operator === "text" ? "Words" : "Type a value, press Enter";
  box.ariaLabel = `Value of ${label(name)}`;
  box.oninput = () => {
    shown.awaited = null;
    suggestSoon();
  };
  box.onkeydown = (event) => {
    if (!(event.key in keys) || event.isComposing) return;
    event.preventDefault();
    keys[event.key]();
  };
  suggest();
  const chosen = state.values.map((value) => {
    const text = valueLabel(name, value);
    return h("span.value", text, icon("×", ["Without ", text], () => (toggle(value, false), redraw())));
  });
  return [chosen.length > 0 && h(".values", chosen), box, list];
}

function valueOption(name, value, { total, checked, toggle }) {
  const box = h("input", { type: "checkbox", checked, onchange: () => toggle(value, box.checked) });
  const text = [h("span.grow", valueLabel(name, value)), total !== null && h("span.quiet", counted(total))];
  return { node: h("label.option", { title: plain(value?.id ?? value) }, box, text), take: () => toggle(value, true) };
}

/** The text as a value, or as `contains`, which is first if no value begins with it. */
function typedOptions({ name, operator, values }, text, { suggestions, toggle, change }) {
  // Enumerations suggest all their values.
  if (!text || (typeOf(name) === "enumeration" ? suggestions : suggestions?.some(({ value }) => isCalled(name, value, text)))) return [];
  const option = (operator, take) => {
    const shown = [operatorLabel(name, operator), " “", text, "”"];
    return { node: h(".option", button(shown, take, { class: "bare grow" })), take };
  };
  const just = option(operator, () => toggle(typed(name, text), true));
  const containing = CONTAINING[operator];
  if (values.length || !containing || !WITH_PARTS.includes(typeOf(name))) return [just];
  const within = option(containing, () => change({ operator: containing, values: [text] }));
  return suggestions?.length === 0 ? [within, just] : [just, within];
}

const isEqual = (one, other) => folded(one) === folded(other);

const isCalled = (name, value, text) => [valueLabel(name, value), value?.id ?? value, stringify(value)].some((called) => isEqual(called, text));

/** Values that begin with the text, most frequent first; if values have names, those whose name contains it. */
async function suggested(name, text, filters, signal) {
  const named = choicesOf(name);
  const contains = (called) => folded(called).includes(folded(text));
  const query = named.length ? { limit: 1_000 } : { limit: SUGGESTED, prefix: text };
  const frequent = await api.valuesOf(name, { filters, ...query }, { signal });
  const present = new Set(frequent.map(({ value }) => folded(value)));
  const absent = (choices, total) => choices.filter(({ value }) => !present.has(folded(value))).map(({ value }) => ({ value, total: value === null ? null : total }));
  if (!named.length) return [...frequent, ...absent(givenNames(name).filter((choice) => text && contains(choice.name)), null)];
  return [...frequent, ...absent(named, 0)].filter(({ value }) => contains(`${valueLabel(name, value)} ${value}`)).slice(0, SUGGESTED * 2);
}

function typed(name, text) {
  const choices = choicesOf(name);
  const meant = [...choices, ...givenNames(name)].find((choice) => isEqual(choice.name, text));
  if (meant) return meant.value;
  if (isEqual(text, "none") && choices.some((choice) => choice.value === null)) return null;
  const type = typeOf(name);
  if (type === "int" && /^-?\d+$/.test(text)) return typedNumber(text);
  if (type !== "entity" || !text.startsWith("{")) return text;
  try {
    return parse(text);
  } catch {
    return text;
  }
}
