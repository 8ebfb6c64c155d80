import * as api from "./api.js";
import { completion } from "./completion.js";
import { bad, button, h, icon, opener, popover, put, template } from "./dom.js";
import { editor } from "./editor.js";
import { showLogGroups } from "./groups.js";
import { filters as known, groupText, label, learnGroups, withButton } from "./language.js";
import { inPeriod, isTimed } from "./period.js";
import { conditionsOf, filterBy, go, groupsOf, here, withCondition, without } from "./place.js";
import { typed } from "./saved.js";
import { hasHidden } from "./visible.js";
import { condition, zoneName } from "./words.js";

export function filterBar() {
  const { node, buttons, search, list, help, chips } = template("filter-bar");
  const completions = completion(search, list, {
    filters: (text) => (isTimed(text) ? besides(text) : inPeriod(besides(text))),
    onerror: (error) => put(help, error && bad(error.message)),
  });
  search.addEventListener("keydown", (event) => completions.key(event) || (event.key === "Enter" && run()));
  const run = async (text = search.value, options = {}) => {
    put(help);
    completions.close();
    try {
      await searched(text, options);
    } catch (error) {
      const place = /^search, character (\d+):/.exec(error.message);
      if (!place) throw error;
      if (options.replace) go({}, options);
      search.value = text;
      put(help, bad(error.message));
      if (document.activeElement === search) selectWord(search, Number(place[1]) - 1);
    }
  };
  const edited = ({ group, rest }) => {
    filterBy(rest);
    search.value = [search.value, groupText(group)].filter(Boolean).join(" ");
    search.focus();
  };
  const howTo = opener("?", (anchor) => popover(anchor, "How to search", template("how-to-search").node), { "aria-label": "How to search" });
  const basic = withButton().filter((name) => name !== "date").map((name) => opener(label(name), (anchor) => edit(anchor, name), { class: "add fold" }));
  buttons.append(howTo, ...basic, opener("More filters", choose));
  const drawChips = () => {
    const { filters } = here();
    const groups = groupsOf(filters).map(({ group }) => group);
    put(chips, drawn(filters, edited));
    if (groups.some((group) => groupText(group) === null)) learnGroups(groups).then(drawChips);
  };
  const draw = async () => {
    const { filters, q } = here();
    search.value = q ?? [filters.text?.text ?? []].flat().join(" ");
    if (q === null) drawChips();
    else await run(q, { replace: true });
  };
  return { node, draw };
}

function selectWord(box, position) {
  const start = [...box.value].slice(0, position).join("").length;
  const length = box.value.slice(start).search(/[\s:]|$/);
  box.setSelectionRange(start, start + Math.max(length, 1));
}

/** The box replaces the words. */
function besides(text) {
  const others = withCondition(here().filters, "text", "text", null);
  return isTimed(text) ? without(others, "date") : others;
}

async function searched(text, options) {
  const [q, zone, filters] = [text.trim(), zoneName(), besides(text)];
  const meant = await api.explain({ q, filters, zone });
  if (meant.by) {
    const rest = await api.explain({ filters, zone });
    return showLogGroups([rest.text, q].filter(Boolean).join(" "), filters, options);
  }
  typed({ q, zone, filters }, meant.filters);
  go({ filters: meant.filters, time: isTimed(q) ? "all" : here().time, open: null }, options);
}

/** The time picker shows the date, the box the words, unless they have hidden characters. */
function drawn(filters, edited) {
  const { date, ...others } = filters;
  const all = conditionsOf(others);
  const groups = groupsOf(filters);
  const shown = all.filter(([name, operator, operands]) => !(name === "text" && operator === "text" && !hasHidden(String(operands))));
  const clear = button("Clear filters", () => filterBy(date ? { date } : {}), { class: "bare" });
  const items = [...shown.map((one) => conditionChip(...one)), ...groups.map((group) => groupChip(group, edited)), all.length + groups.length > 0 && clear];
  return items.filter(Boolean).map((item) => h("li", item));
}

function conditionChip(name, operator, operands) {
  const [what, how, values] = condition(name, operator, operands);
  const text = [h("span.chip-what", what), ` ${how} `, values.length > 0 && h("b", values)];
  const open = opener(text, (anchor) => edit(anchor, name, operator, operands), { class: "chip-open" });
  return chip(open, [what, " ", how, " ", values], () => withCondition(here().filters, name, operator, null));
}

function groupChip({ group, rest }, edited) {
  const text = groupText(group) ?? "…";
  return chip(button(h("b", text), () => edited({ group, rest }), { class: "chip-open", title: "Edit in the search box" }), text, () => rest);
}

const chip = (open, name, others) => h("span.chip", open, icon("×", ["Remove ", name], () => filterBy(others()), { class: "chip-remove" }));

function edit(anchor, name, operator, operands) {
  const [first, value = []] = operator ? [operator, operands] : (Object.entries(here().filters[name] ?? {})[0] ?? []);
  const set = (changes) => filterBy(Object.entries(changes).reduce((all, [changed, next]) => withCondition(all, name, changed, next), here().filters));
  const others = () => inPeriod(without(here().filters, name));
  popover(anchor, `Filter ${label(name)}`, editor({ name, operator: first, values: [value].flat(), others, set }));
}

function choose(anchor) {
  const items = known().map((name) => button([label(name), h("code", name)], () => edit(anchor, name), { class: "item" }));
  const { node, narrow } = template("all-filters");
  node.append(...items);
  narrow.oninput = () => {
    const wanted = narrow.value.trim().toLowerCase();
    known().forEach((name, position) => (items[position].hidden = !`${label(name)} ${name}`.toLowerCase().includes(wanted)));
  };
  popover(anchor, "Filters", node);
}
