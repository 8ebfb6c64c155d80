// The filter bar: free text, the basic filters, all the others, and what is asked as chips that read as a sentence.

import { float, h, put, unfloat } from "./dom.js";
import { editor } from "./editor.js";
import { BASIC, filters as known, label } from "./language.js";
import { go, here, withCondition, without } from "./place.js";
import { hasHidden } from "./visible.js";
import { condition } from "./words.js";

/** The bar; `draw()` shows the state of the address. */
export function filterBar() {
  const chips = h("ul", { class: "chips", "aria-label": "Filters" });
  const search = h("input", {
    type: "search",
    placeholder: "Search in all text …",
    "aria-label": "Search in all text",
    onkeydown: (event) => event.key === "Enter" && searched(search.value),
    onsearch: () => searched(search.value),
  });
  const basic = BASIC.map((name) => opener(name));
  const more = h("button", { class: "add", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => choose(more) }, "More filters");
  const draw = () => {
    const { filters } = here();
    const asked = filters.text?.text;
    search.value = asked === undefined ? "" : Array.isArray(asked) ? asked.join(" ") : String(asked);
    put(chips, drawn(filters));
  };
  const node = h(
    "section",
    { class: "bar", "aria-label": "Filter" },
    h("div", { class: "row wrap" }, search, basic, more),
    chips,
  );
  return { node, draw };
}

function searched(text) {
  const words = text.trim();
  go({ filters: withCondition(here().filters, "text", "text", words ? [words] : null), open: null });
}

function opener(name) {
  const button = h(
    "button",
    { class: "add", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => edit(button, name) },
    label(name),
  );
  return button;
}

/** Every chip: one for each operator of each filter. Searched words are in the box already, which cannot show hidden characters. */
function drawn(filters) {
  const all = Object.entries(filters).flatMap(([name, operators]) =>
    Object.entries(operators ?? {}).map(([operator, given]) => [name, operator, given]),
  );
  const shown = all.filter(([name, operator, given]) => !(name === "text" && operator === "text" && !hasHidden(String(given))));
  const items = shown.map(([name, operator, given]) => h("li", {}, chip(name, operator, given)));
  if (all.length) items.push(h("li", {}, h("button", { class: "bare", onclick: () => go({ filters: {}, open: null }) }, "Clear all")));
  return items;
}

function chip(name, operator, given) {
  const [what, how, values] = condition(name, operator, given);
  const open = h(
    "button",
    { class: "chip-open", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => edit(open, name, operator, given) },
    h("span", { class: "chip-what" }, what),
    ` ${how} `,
    values.length > 0 && h("b", {}, values),
  );
  const remove = h(
    "button",
    {
      class: "chip-remove",
      "aria-label": ["Remove ", what, " ", how, " ", values],
      onclick: () => go({ filters: withCondition(here().filters, name, operator, null), open: null }),
    },
    "×",
  );
  return h("span", { class: "chip" }, open, remove);
}

/** Open the panel of a filter; what is set takes effect at once. */
export function edit(anchor, name, operator, given) {
  const there = here().filters[name] ?? {};
  const first = operator ?? Object.keys(there)[0];
  const values = given ?? there[first];
  const set = (changes) => {
    const all = Object.entries(changes).reduce((so, [changed, next]) => withCondition(so, name, changed, next), here().filters);
    go({ filters: all, open: null });
  };
  float(
    anchor,
    editor({
      name,
      operator: first,
      values: values === undefined ? undefined : Array.isArray(values) ? values : [values],
      others: without(here().filters, name),
      set,
    }),
    { label: `Filter ${label(name)}` },
  );
}

/** Choose a filter out of all. */
function choose(anchor) {
  const items = known().map((name) =>
    h("button", { class: "item", "data-name": `${label(name)} ${name}`.toLowerCase(), onclick: () => (unfloat(), edit(anchor, name)) }, label(name), h("code", {}, name)),
  );
  const narrow = h("input", {
    type: "search",
    placeholder: "Find a filter …",
    "aria-label": "Find a filter",
    autofocus: true,
    oninput: () => {
      for (const each of items) each.hidden = !each.dataset.name.includes(narrow.value.trim().toLowerCase());
    },
  });
  float(anchor, h("div", { class: "menu" }, narrow, items), { label: "Filters" });
}
