// Saved queries: your own, shared and suggested ones; and recent queries, which only the browser remembers.

import * as api from "./api.js";
import { closePopover, dialog, formButtons, h, popover, put, toast } from "./dom.js";
import { failure } from "./failure.js";
import { parse, stringify } from "./json.js";
import { go, here } from "./place.js";
import { sentence } from "./words.js";

const RECENT = "recent";
const MAX_RECENT = 10;

/** Remember a query as recent. */
export function remember(filters) {
  if (!Object.keys(filters).length) return;
  const others = recent().filter((other) => stringify(other) !== stringify(filters));
  try {
    localStorage.setItem(RECENT, stringify([filters, ...others].slice(0, MAX_RECENT)));
  } catch {
    // The browser's storage is disabled or full.
  }
}

function recent() {
  try {
    const queries = parse(localStorage.getItem(RECENT) ?? "[]");
    return Array.isArray(queries) ? queries.filter((query) => query !== null && typeof query === "object") : [];
  } catch {
    return [];
  }
}

let search = null;

/** Remember what was typed: a search beside filters, and the filters that it came to. One after another belong together. */
export function typed(query, filters) {
  const before = queryOf(query.filters);
  const whole = before.q && before.zone === query.zone ? { ...before, q: [before.q, query.q].filter(Boolean).map(enclosed).join(" ") } : query;
  search = whole.q ? { query: whole, key: stringify(filters) } : null;
}

/** A search as a part of another: what has an OR needs parentheses. */
const enclosed = (q) => (/\bOR\b/.test(q) ? `(${q})` : q);

/** The query of filters, with its search as it was typed as long as the filters are what that came to. */
const queryOf = (filters) => (search?.key === stringify(filters) ? search.query : { filters });

/** The button that opens saved queries, and the one that saves the current query. */
export function savedQueries() {
  const open = h("button", { "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => choose(open) }, "Queries");
  return [open, h("button", { onclick: save }, "Save")];
}

async function choose(anchor) {
  const box = h("div", { class: "menu" }, h("p", { class: "quiet" }, "Loading …"));
  popover(anchor, box, { label: "Queries" });
  try {
    const { data } = await api.queries();
    put(box, group("Yours", data.filter((query) => query.own)), group("Shared", data.filter((query) => !query.own && !query.suggested)), group("Suggested", data.filter((query) => query.suggested)), late());
    box.querySelector("button")?.focus();
  } catch (error) {
    put(box, failure(error, () => choose(anchor)));
  }
}

function group(title, queries) {
  if (!queries.length) return null;
  return h("section", {}, h("h3", {}, title), queries.map((query) => item(query.name, query.problem || query.help || sentence(query.filters), query.filters)));
}

function late() {
  const queries = recent();
  return queries.length > 0 && h("section", {}, h("h3", {}, "Recent"), queries.map((filters) => item(sentence(filters), "", filters)));
}

function item(name, help, filters) {
  const ask = () => {
    closePopover();
    go({ filters, open: null });
  };
  return h("button", { class: "item", title: help, onclick: ask }, h("span", { class: "cut" }, name));
}

async function save() {
  const { filters } = here();
  const query = queryOf(filters);
  const written = await dialog("Save this query", (done) => {
    const name = h("input", { type: "text", required: true, maxlength: "200", autofocus: true, "aria-label": "Name" });
    const shared = h("input", { type: "checkbox" });
    const submit = (event) => {
      event.preventDefault();
      if (name.value.trim()) done({ name: name.value.trim(), shared: shared.checked });
    };
    return h(
      "form",
      { onsubmit: submit },
      h("p", { class: "quiet" }, sentence(filters)),
      query.q && h("p", {}, h("code", {}, query.q)),
      h("label", { class: "field" }, "Name", name),
      h("label", { class: "option" }, shared, "Share it within the tenant"),
      formButtons(done, "Save"),
    );
  });
  if (!written) return;
  try {
    await api.saveQuery({ ...written, ...query });
    toast(["Saved “", written.name, "”"]);
  } catch (error) {
    toast(error.message, "bad");
  }
}
