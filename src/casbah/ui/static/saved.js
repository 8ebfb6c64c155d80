// Saved queries, and recent ones, which only the browser remembers.

import * as api from "./api.js";
import { attempt, button, closePopover, field, formDialog, h, opener, popover, quiet, toast } from "./dom.js";
import { loader } from "./failure.js";
import { isNested, remembered, stringify } from "./json.js";
import { go, here } from "./place.js";
import { sentence } from "./words.js";

const RECENT = "recent";
const MAX_RECENT = 10;

export function remember(filters) {
  if (!Object.keys(filters).length) return;
  const others = recent().filter((other) => stringify(other) !== stringify(filters));
  try {
    localStorage.setItem(RECENT, stringify([filters, ...others].slice(0, MAX_RECENT)));
  } catch {
    // The browser's storage is disabled or full.
  }
}

const recent = () => remembered(RECENT)?.filter(isNested) ?? [];

let search = null;

/** A typed search, and the filters that it came to. One after another belong together. */
export function typed(query, filters) {
  const before = queryOf(query.filters);
  const whole = before.q && before.zone === query.zone ? { ...before, q: [before.q, query.q].filter(Boolean).map(enclosed).join(" ") } : query;
  search = whole.q ? { query: whole, key: stringify(filters) } : null;
}

const enclosed = (q) => (/\bOR\b/.test(q) ? `(${q})` : q);

/** With its search as it was typed, as long as the filters are what that came to. */
const queryOf = (filters) => (search?.key === stringify(filters) ? search.query : { filters });

export const savedQueries = () => [opener("Queries", choose), button("Save", save)];

async function choose(anchor) {
  const box = h(".menu", quiet("Loading …"));
  popover(anchor, "Queries", box);
  const load = async () => {
    const { data } = await api.queries();
    const kinds = Object.groupBy(data, ({ own, suggested }) => (own ? "Yours" : suggested ? "Suggested" : "Shared"));
    const groups = ["Yours", "Shared", "Suggested"].map((title) =>
      group(title, kinds[title]?.map(({ name, problem, help, filters }) => item(name, problem || help || sentence(filters), filters))),
    );
    return [groups, group("Recent", recent().map((filters) => item(sentence(filters), "", filters)))];
  };
  await loader(box, load, () => choose(anchor))();
  box.querySelector("button")?.focus();
}

const group = (title, items) => items?.length > 0 && h("section", h("h3", title), items);

function item(name, help, filters) {
  const ask = () => {
    closePopover();
    go({ filters, open: null });
  };
  return h("button.item", { title: help, onclick: ask }, h("span.cut", {}, name));
}

async function save() {
  const { filters } = here();
  const query = queryOf(filters);
  const name = h("input", { type: "text", required: true, maxlength: "200", autofocus: true, "aria-label": "Name" });
  const shared = h("input", { type: "checkbox" });
  const content = [
    quiet(sentence(filters)),
    query.q && h("p", h("code", query.q)),
    field("Name", name),
    h("label.option", shared, "Share it within the tenant"),
  ];
  const read = () => (name.value.trim() ? { name: name.value.trim(), shared: shared.checked } : undefined);
  const written = await formDialog("Save this query", content, read);
  if (!written) return;
  await attempt(async () => {
    await api.saveQuery({ ...written, ...query });
    toast(["Saved “", written.name, "”"]);
  });
}
