// The filter bar: free text, basic filters, all other filters, and the current filters as chips that read like a sentence.

import { popover, h, put, closePopover } from "./dom.js";
import { editor } from "./editor.js";
import { filters as known, label, withButton } from "./language.js";
import { go, here, withCondition, without } from "./place.js";
import { hasHidden } from "./visible.js";
import { condition } from "./words.js";

/** The bar; `draw()` shows the state in the URL. */
export function filterBar() {
  const chips = h("ul", { class: "chips", "aria-label": "Filters" });
  const search = h("input", {
    type: "search",
    placeholder: "Search in all text …",
    "aria-label": "Search in all text",
    onkeydown: (event) => event.key === "Enter" && searched(search.value),
    onsearch: () => searched(search.value),
  });
  const basic = withButton().map((name) => opener(name));
  const more = h("button", { class: "add", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => choose(more) }, "More filters");
  const draw = () => {
    const { filters } = here();
    const words = filters.text?.text;
    search.value = words === undefined ? "" : Array.isArray(words) ? words.join(" ") : String(words);
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

/** One chip per operator of each filter, except searched words: the box shows them, unless they have hidden characters. */
function drawn(filters) {
  const all = Object.entries(filters).flatMap(([name, operators]) =>
    Object.entries(operators ?? {}).map(([operator, operands]) => [name, operator, operands]),
  );
  const shown = all.filter(([name, operator, operands]) => !(name === "text" && operator === "text" && !hasHidden(String(operands))));
  const items = shown.map(([name, operator, operands]) => h("li", {}, chip(name, operator, operands)));
  if (all.length) items.push(h("li", {}, h("button", { class: "bare", onclick: () => go({ filters: {}, open: null }) }, "Clear all")));
  return items;
}

function chip(name, operator, operands) {
  const [what, how, values] = condition(name, operator, operands);
  const open = h(
    "button",
    { class: "chip-open", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => edit(open, name, operator, operands) },
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

/** Open the panel of a filter; changes take effect at once. */
export function edit(anchor, name, operator, operands) {
  const current = here().filters[name] ?? {};
  const first = operator ?? Object.keys(current)[0];
  const values = operands ?? current[first];
  const set = (changes) => {
    const all = Object.entries(changes).reduce((so, [changed, next]) => withCondition(so, name, changed, next), here().filters);
    go({ filters: all, open: null });
  };
  popover(
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

/** Choose one of all filters. */
function choose(anchor) {
  const items = known().map((name) =>
    h("button", { class: "item", "data-name": `${label(name)} ${name}`.toLowerCase(), onclick: () => (closePopover(), edit(anchor, name)) }, label(name), h("code", {}, name)),
  );
  const narrow = h("input", {
    type: "search",
    placeholder: "Find a filter …",
    "aria-label": "Find a filter",
    autofocus: true,
    oninput: () => {
      for (const item of items) item.hidden = !item.dataset.name.includes(narrow.value.trim().toLowerCase());
    },
  });
  popover(anchor, h("div", { class: "menu" }, narrow, items), { label: "Filters" });
}
