// The most frequent values of the current query, with exact counts; a click filters by a value.

import * as api from "./api.js";
import { h, put } from "./dom.js";
import { facetPrefix, filters as known, isCountable, label, usualFacets, valueLabel } from "./language.js";
import { go, here, withValue } from "./place.js";
import { counted } from "./words.js";

const SHOWN = 5;
const MORE = 50;
const KEY = "facets";

function chosen() {
  try {
    const names = JSON.parse(localStorage.getItem(KEY));
    if (Array.isArray(names)) return names.filter((name) => known().includes(name) && isCountable(name));
  } catch {
    // No choice was saved, or it is invalid.
  }
  return usualFacets();
}

/** The facets; `load(filters, signal)` fetches and draws them, `clear(content)` replaces them. */
export function facets() {
  const list = h("div", { class: "facet-list" });
  const add = h(
    "select",
    {
      "aria-label": "Add top values of",
      onchange: () => {
        localStorage.setItem(KEY, JSON.stringify([...chosen(), add.value]));
        add.value = "";
        again();
      },
    },
    h("option", { value: "" }, "Add …"),
  );
  let again = () => {};
  const node = h("section", { class: "facets", "aria-label": "Top values" }, h("div", { class: "row" }, h("h2", {}, "Top values"), h("span", { class: "grow" }), add), list);
  const load = async (filters, signal) => {
    again = () => load(filters, signal);
    const names = chosen();
    put(add, h("option", { value: "" }, "Add …"), known().filter((name) => !names.includes(name) && isCountable(name)).map((name) => h("option", { value: name }, label(name))));
    if (!names.length) return void put(list);
    const results = await Promise.all(names.map((name) => fetchFacet(filters, name, SHOWN + 1, signal)));
    put(list, results.map((result) => facet(result.facets[0], result.total, filters, again)));
  };
  const clear = (content) => put(list, content);
  return { node, load, clear };
}

/** The values of one filter. */
function fetchFacet(filters, name, limit, signal) {
  return api.facets({ filters, facets: [name], limit, prefix: facetPrefix(name) }, { signal });
}

function facet({ filter, values }, total, filters, again) {
  const box = h("div", { class: "facet-values" });
  const draw = (shown, more) => {
    const all = shown.map((value) => row(filter, value, total));
    put(box, all, !shown.length && h("p", { class: "quiet" }, "No values"), more && h("button", { class: "bare", onclick: expand }, "More"));
  };
  const expand = async () => {
    const result = await fetchFacet(filters, filter, MORE);
    draw(result.facets[0].values, false);
  };
  const drop = () => {
    localStorage.setItem(KEY, JSON.stringify(chosen().filter((name) => name !== filter)));
    again();
  };
  draw(values.slice(0, SHOWN), values.length > SHOWN);
  const remove = h("button", { class: "bare drop", "aria-label": `Remove top values of ${label(filter)}`, onclick: drop }, "×");
  return h("section", { class: "facet" }, h("div", { class: "row" }, h("h3", {}, label(filter)), h("span", { class: "grow" }), remove), box);
}

function row(filter, { value, total }, all) {
  const text = valueLabel(filter, value);
  const share = h("span", { class: "share", "aria-hidden": "true" });
  share.style.width = `${(100 * total) / Math.max(all, 1)}%`;
  return h(
    "button",
    { class: "facet-value", title: [text, ": ", counted(total)], onclick: () => go({ filters: withValue(here().filters, filter, "eq", value), open: null }) },
    share,
    h("span", { class: "grow cut" }, text),
    h("span", { class: "number" }, counted(total)),
  );
}
