// Queries under a name: one's own, shared and suggested ones, and those asked of late, which the browser alone remembers.

import * as api from "./api.js";
import { dialog, float, h, put, say, unfloat } from "./dom.js";
import { failure } from "./failure.js";
import { parse, stringify } from "./json.js";
import { go, here } from "./place.js";
import { sentence } from "./words.js";

const RECENT = "recent";
const MOST_RECENT = 10;

/** Remember that a query was asked. */
export function remember(filters) {
  if (!Object.keys(filters).length) return;
  const others = recent().filter((each) => stringify(each) !== stringify(filters));
  try {
    localStorage.setItem(RECENT, stringify([filters, ...others].slice(0, MOST_RECENT)));
  } catch {
    // The browser keeps nothing, or no more.
  }
}

function recent() {
  try {
    const found = parse(localStorage.getItem(RECENT) ?? "[]");
    return Array.isArray(found) ? found.filter((each) => each !== null && typeof each === "object") : [];
  } catch {
    return [];
  }
}

/** The button that opens queries, and the one that saves what is asked. */
export function savedQueries() {
  const open = h("button", { "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => choose(open) }, "Queries");
  return [open, h("button", { onclick: save }, "Save")];
}

async function choose(anchor) {
  const box = h("div", { class: "menu" }, h("p", { class: "quiet" }, "Loading …"));
  float(anchor, box, { label: "Queries" });
  try {
    const { data } = await api.queries();
    put(box, group("Yours", data.filter((each) => each.own)), group("Shared", data.filter((each) => !each.own && !each.suggested)), group("Suggested", data.filter((each) => each.suggested)), late());
    box.querySelector("button")?.focus();
  } catch (error) {
    put(box, failure(error, () => choose(anchor)));
  }
}

function group(title, queries) {
  if (!queries.length) return null;
  return h("section", {}, h("h3", {}, title), queries.map((each) => item(each.name, each.help || sentence(each.filters), each.filters)));
}

function late() {
  const found = recent();
  return found.length > 0 && h("section", {}, h("h3", {}, "Recent"), found.map((filters) => item(sentence(filters), "", filters)));
}

function item(name, help, filters) {
  const ask = () => {
    unfloat();
    go({ filters, open: null });
  };
  return h("button", { class: "item", title: help, onclick: ask }, h("span", { class: "cut" }, name));
}

async function save() {
  const { filters } = here();
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
      h("label", { class: "field" }, "Name", name),
      h("label", { class: "option" }, shared, "Share it with everybody of the tenant"),
      h("div", { class: "row end" }, h("button", { type: "button", onclick: () => done(null) }, "Cancel"), h("button", { class: "primary" }, "Save")),
    );
  });
  if (!written) return;
  try {
    await api.saveQuery({ ...written, filters });
    say(["Saved “", written.name, "”"]);
  } catch (error) {
    say(error.message, "bad");
  }
}
