// The most frequent values of the current query; a click filters by a value or excludes it.

import * as api from "./api.js";
import { button, h, put, quiet, small } from "./dom.js";
import { groupBy } from "./groups.js";
import { remembered } from "./json.js";
import { facetPrefix, filters as known, isCountable, label, opposite, usualFacets, valueLabel } from "./language.js";
import { go, here, withValue } from "./place.js";
import { counted } from "./words.js";

const SHOWN = 5;
const MORE = 50;
const KEY = "facets";

const chosen = () => remembered(KEY)?.filter((name) => known().includes(name) && isCountable(name)) ?? usualFacets();
const choose = (names) => localStorage.setItem(KEY, JSON.stringify(names));

export function facets() {
  const list = h(".facet-list");
  const first = () => h("option", { value: "" }, "Add …");
  const added = () => {
    choose([...chosen(), add.value]);
    add.value = "";
    again();
  };
  const add = h("select", { "aria-label": "Add top values of", onchange: added }, first());
  let again = () => {};
  const node = h("section.facets", { "aria-label": "Top values" }, h(".row", h("h2", "Top values"), h("span.grow"), add), list);
  const load = async (filters, signal) => {
    again = () => load(filters, signal);
    const names = chosen();
    const others = known().filter((name) => !names.includes(name) && isCountable(name));
    put(add, first(), others.map((name) => h("option", { value: name }, label(name))));
    if (!names.length) return void put(list);
    const results = await Promise.all(names.map((name) => fetchFacet(filters, name, SHOWN + 1, signal)));
    put(list, results.map((result) => facet(result.facets[0], result.total, filters, again)));
  };
  return { node, load, clear: (content) => put(list, content) };
}

const fetchFacet = (filters, name, limit, signal) => api.facets({ filters, facets: [name], limit, prefix: facetPrefix(name) }, { signal });

function facet({ filter, values }, total, filters, again) {
  const box = h(".facet-values");
  const draw = (shown, more) =>
    put(box, shown.map((value) => row(filter, value, total)), !shown.length && quiet("No values"), more && button("More", expand, { class: "bare" }));
  const expand = async () => {
    const result = await fetchFacet(filters, filter, MORE);
    draw(result.facets[0].values, false);
  };
  const drop = () => {
    choose(chosen().filter((name) => name !== filter));
    again();
  };
  draw(values.slice(0, SHOWN), values.length > SHOWN);
  const remove = h("button.bare.drop", { "aria-label": `Remove top values of ${label(filter)}`, onclick: drop }, "×");
  return h("section.facet", h(".row", h("h3", label(filter)), h("span.grow"), small("Group", ["by ", label(filter)], () => groupBy(filter)), remove), box);
}

function row(filter, { value, total }, all) {
  const text = valueLabel(filter, value);
  const by = (operator) => () => go({ filters: withValue(here().filters, filter, operator, value), open: null });
  return h(
    ".row.facet-row",
    h(
      "button.facet-value",
      { title: [text, ": ", counted(total)], onclick: by("eq") },
      h("span.share", { "aria-hidden": true, style: { width: `${(100 * total) / Math.max(all, 1)}%` } }),
      h("span.grow.cut", text),
      h("span.number", counted(total)),
    ),
    h("button.bare", { title: "Exclude", "aria-label": ["Exclude ", label(filter), " ", text], onclick: by(opposite("eq")) }, "−"),
  );
}
