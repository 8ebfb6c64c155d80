import * as api from "./api.js";
import { attempt, button, closePopover, formDialog, h, loader, opener, popover, quiet, template, toast } from "./dom.js";
import { isNested, remembered, stringify } from "./json.js";
import { filterBy, here } from "./place.js";
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

/** Searches one after another belong together. */
export function typed(query, filters) {
  const before = queryOf(query.filters);
  const whole = before.q && before.zone === query.zone ? { ...before, q: [before.q, query.q].filter(Boolean).map(enclosed).join(" ") } : query;
  search = whole.q ? { query: whole, key: stringify(filters) } : null;
}

const enclosed = (q) => (/\bOR\b/.test(q) ? `(${q})` : q);

/** As it was typed, as long as the filters are what that came to. */
const queryOf = (filters) => (search?.key === stringify(filters) ? search.query : { filters });

export const savedQueries = () => [opener("Queries", choose), button("Save", save)];

async function choose(anchor) {
  const box = h(".menu", quiet("Loading …"));
  popover(anchor, "Queries", box);
  const load = async () => {
    const { data } = await api.queries();
    const kinds = Object.groupBy(data, ({ own, suggested }) => (own ? "Yours" : suggested ? "Suggested" : "Shared"));
    kinds.Recent = recent().map((filters) => ({ name: sentence(filters), filters }));
    return ["Yours", "Shared", "Suggested", "Recent"].map((title) => kinds[title]?.length > 0 && h("section", h("h3", title), kinds[title].map(item)));
  };
  await loader(box, load, () => choose(anchor))();
  box.querySelector("button")?.focus();
}

const item = ({ name, problem, help, filters }) =>
  h("button.item", { title: problem || help || sentence(filters), onclick: () => (closePopover(), filterBy(filters)) }, h("span.cut", {}, name));

async function save() {
  const { filters } = here();
  const query = queryOf(filters);
  const { node, name, shared } = template("new-query");
  const content = [quiet(sentence(filters)), query.q && h("p", h("code", query.q)), node];
  const read = () => (name.value.trim() ? { name: name.value.trim(), shared: shared.checked } : undefined);
  const written = await formDialog("Save this query", content, read);
  if (!written) return;
  await attempt(async () => {
    await api.saveQuery({ ...written, ...query });
    toast(["Saved “", written.name, "”"]);
  });
}
