// The most frequent values under the current query, each with its exact count; a click filters by it.

import * as api from "./api.js";
import { h, put } from "./dom.js";
import { filters as known, label, valueLabel } from "./language.js";
import { go, here, withValue } from "./place.js";
import { counted } from "./words.js";

const USUAL = ["user.username", "service", "activity.eventActionType", "location.country", "ip.address"];
const UNCOUNTABLE = new Set(["text", "date", "created", "activity.id"]);
const SHOWN = 5;
const MORE = 50;
const KEY = "facets";

function chosen() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    if (Array.isArray(found)) return found.filter((each) => typeof each === "string" && !UNCOUNTABLE.has(each));
  } catch {
    // Nothing was chosen, or something else stands there.
  }
  return USUAL;
}

/** The facets; `load(filters, signal)` asks for them and draws them, `clear(content)` takes them away. */
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
    const names = chosen().filter((each) => known().includes(each));
    put(add, h("option", { value: "" }, "Add …"), known().filter((each) => !names.includes(each) && !UNCOUNTABLE.has(each)).map((each) => h("option", { value: each }, label(each))));
    if (!names.length) return void put(list);
    const found = await Promise.all(names.map((each) => asked(filters, each, SHOWN + 1, signal)));
    put(list, found.map((each) => facet(each.facets[0], each.total, filters, again)));
  };
  const clear = (content) => put(list, content);
  return { node, load, clear };
}

/** The values of one filter. Of an activity's types the category alone: its others say the same in other words. */
function asked(filters, name, limit, signal) {
  const prefix = name === "activity.eventActionType" ? "event_category_" : "";
  return api.facets({ filters, facets: [name], limit, prefix }, { signal });
}

function facet({ filter, values }, total, filters, again) {
  const box = h("div", { class: "facet-values" });
  const draw = (shown, more) => {
    const all = shown.map((each) => row(filter, each, total));
    put(box, all, !shown.length && h("p", { class: "quiet" }, "none"), more && h("button", { class: "bare", onclick: expand }, "More"));
  };
  const expand = async () => {
    const found = await asked(filters, filter, MORE);
    draw(found.facets[0].values, false);
  };
  const drop = () => {
    localStorage.setItem(KEY, JSON.stringify(chosen().filter((each) => each !== filter)));
    again();
  };
  draw(values.slice(0, SHOWN), values.length > SHOWN);
  const remove = h("button", { class: "bare drop", "aria-label": `Without top values of ${label(filter)}`, onclick: drop }, "×");
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
