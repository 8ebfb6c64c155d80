import * as api from "./api.js";
import { button, h, icon, put, quiet, small, template } from "./dom.js";
import { groupBy } from "./groups.js";
import { remembered } from "./json.js";
import { facetPrefix, filters as known, isCountable, label, opposite, usualFacets, valueLabel } from "./language.js";
import { filterBy, here, withValue } from "./place.js";
import { counted } from "./words.js";

const SHOWN = 5;
const MORE = 50;
const KEY = "facets";

const chosen = () => remembered(KEY)?.filter((name) => known().includes(name) && isCountable(name)) ?? usualFacets();
const choose = (names) => localStorage.setItem(KEY, JSON.stringify(names));

export function facets() {
  const { node, add, list } = template("facets");
  const first = add.firstElementChild;
  const load = async (filters, signal) => {
    const again = () => load(filters, signal);
    const names = chosen();
    const others = known().filter((name) => !names.includes(name) && isCountable(name));
    put(add, first, others.map((name) => h("option", { value: name }, label(name))));
    add.value = "";
    add.onchange = () => (choose([...names, add.value]), again());
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
  const remove = icon("×", `Remove top values of ${label(filter)}`, drop, { class: "bare drop" });
  return h("section.facet", h(".row", h("h3", label(filter)), h("span.grow"), small("Group", ["by ", label(filter)], () => groupBy(filter)), remove), box);
}

function row(filter, { value, total }, all) {
  const text = valueLabel(filter, value);
  const by = (operator) => () => filterBy(withValue(here().filters, filter, operator, value));
  const share = h("span.share", { "aria-hidden": true, style: { width: `${(100 * total) / Math.max(all, 1)}%` } });
  const content = [share, h("span.grow.cut", text), h("span.number", counted(total))];
  const only = button(content, by("eq"), { class: "facet-value", title: [text, ": ", counted(total)] });
  return h(".row.facet-row", only, icon("−", ["Exclude ", label(filter), " ", text], by(opposite("eq")), { title: "Exclude" }));
}
