// The filter bar: the search box, buttons for filters, and the current filters as chips that read like a sentence.

import * as api from "./api.js";
import { completion } from "./completion.js";
import { button, closePopover, h, opener, popover, put } from "./dom.js";
import { editor } from "./editor.js";
import { showLogGroups } from "./groups.js";
import { filters as known, groupText, label, learnGroups, withButton } from "./language.js";
import { inPeriod, isTimed } from "./period.js";
import { conditionsOf, go, groupsOf, here, withCondition, without } from "./place.js";
import { typed } from "./saved.js";
import { hasHidden } from "./visible.js";
import { condition, zoneName } from "./words.js";

export function filterBar() {
  const chips = h("ul.chips", { "aria-label": "Filters" });
  const search = h("input", {
    type: "text",
    role: "combobox",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "user:ann* country:DE since:7d, or words …",
    "aria-label": "Search",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-describedby": "search-help",
    onkeydown: (event) => completions.key(event) || (event.key === "Enter" && run()),
  });
  const help = h("p", { id: "search-help", class: "quiet small", role: "status" });
  const completions = completion(search, {
    filters: (text) => (isTimed(text) ? besides(text) : inPeriod(besides(text))),
    onerror: (error) => put(help, error && h("span.wrong", {}, error.message)),
  });
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
      put(help, h("span.wrong", {}, error.message));
      if (document.activeElement === search) selectWord(search, Number(place[1]) - 1);
    }
  };
  const edited = ({ group, rest }) => {
    go({ filters: rest, open: null });
    search.value = [search.value, groupText(group)].filter(Boolean).join(" ");
    search.focus();
  };
  const howTo = opener("?", (anchor) => popover(anchor, "How to search", examples()), { class: "add", "aria-label": "How to search" });
  const basic = withButton().filter((name) => name !== "date").map((name) => opener(label(name), (anchor) => edit(anchor, name), { class: "add fold" }));
  const more = opener("More filters", choose, { class: "add" });
  const drawChips = () => {
    const { filters } = here();
    const groups = groupsOf(filters).map(({ group }) => group);
    put(chips, drawn(filters, edited));
    if (groups.some((group) => groupText(group) === null)) learnGroups(groups).then(drawChips);
  };
  const draw = () => {
    const { filters, q } = here();
    if (q !== null) {
      search.value = q;
      run(q, { replace: true });
      return;
    }
    search.value = [filters.text?.text ?? []].flat().join(" ");
    drawChips();
  };
  const node = h(
    "section.bar",
    { "aria-label": "Filter" },
    h(".row.wrap", h(".search", search, completions.node), howTo, basic, more),
    help,
    chips,
  );
  return { node, draw };
}

/** Select from a position, in characters, to the next white space or colon. */
function selectWord(box, position) {
  const start = [...box.value].slice(0, position).join("").length;
  const length = box.value.slice(start).search(/[\s:]|$/);
  box.setSelectionRange(start, start + Math.max(length, 1));
}

const EXAMPLES = [
  ["invoice 2026", "both words, in any text"],
  ['"invoice 2026"', "the words next to each other"],
  ["invo*", "words that begin with invo"],
  ["user:ann*", "users whose names begin with ann; *ann* contains"],
  ["app:okta,github", "one of these apps"],
  ["verb:share,download", "what was done, whatever the source calls it"],
  ["-country:DE", "not from this country"],
  ["ip:10.0.0.0/8", "addresses of a network"],
  ["since:7d until:today", "a time; also 2026-11-28, -24h, date:2026-11"],
  ["admin:yes OR file:*", "either of the two; * is any value"],
];

const examples = () => h(".menu", h("table", EXAMPLES.map(([text, what]) => h("tr", h("td", h("code", text)), h("td", what)))));

/** The box shows words, so it replaces these. */
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
  const clear = button("Clear filters", () => go({ filters: date ? { date } : {}, open: null }), { class: "bare" });
  const items = [...shown.map((one) => conditionChip(...one)), ...groups.map((group) => groupChip(group, edited)), all.length + groups.length > 0 && clear];
  return items.filter(Boolean).map((item) => h("li", item));
}

function conditionChip(name, operator, operands) {
  const [what, how, values] = condition(name, operator, operands);
  const text = [h("span.chip-what", what), ` ${how} `, values.length > 0 && h("b", values)];
  const open = opener(text, (anchor) => edit(anchor, name, operator, operands), { class: "chip-open" });
  return chip(open, [what, " ", how, " ", values], () => withCondition(here().filters, name, operator, null));
}

/** The search that the group is; opening it takes it into the box. */
function groupChip({ group, rest }, edited) {
  const text = groupText(group) ?? "…";
  return chip(button(h("b", text), () => edited({ group, rest }), { class: "chip-open", title: "Edit in the search box" }), text, () => rest);
}

const chip = (open, name, others) =>
  h("span.chip", open, h("button.chip-remove", { "aria-label": ["Remove ", name], onclick: () => go({ filters: others(), open: null }) }, "×"));

function edit(anchor, name, operator, operands) {
  const current = here().filters[name] ?? {};
  const first = operator ?? Object.keys(current)[0];
  const values = operands ?? current[first];
  const set = (changes) => {
    const all = Object.entries(changes).reduce((so, [changed, next]) => withCondition(so, name, changed, next), here().filters);
    go({ filters: all, open: null });
  };
  const others = () => inPeriod(without(here().filters, name));
  popover(anchor, `Filter ${label(name)}`, editor({ name, operator: first, values: values === undefined ? undefined : [values].flat(), others, set }));
}

function choose(anchor) {
  const items = known().map((name) => h("button.item", { onclick: () => (closePopover(), edit(anchor, name)) }, label(name), h("code", name)));
  const oninput = () => {
    const wanted = narrow.value.trim().toLowerCase();
    known().forEach((name, position) => (items[position].hidden = !`${label(name)} ${name}`.toLowerCase().includes(wanted)));
  };
  const narrow = h("input", { type: "search", placeholder: "Find a filter …", "aria-label": "Find a filter", autofocus: true, oninput });
  popover(anchor, "Filters", h(".menu", narrow, items));
}
