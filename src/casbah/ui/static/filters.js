// The filter bar: free text, basic filters, all other filters, and the current filters as chips that read like a sentence.

import * as api from "./api.js";
import { completion } from "./completion.js";
import { popover, h, put, closePopover } from "./dom.js";
import { editor } from "./editor.js";
import { showGroups } from "./groups.js";
import { filters as known, groupText, label, learnGroups, withButton } from "./language.js";
import { inPeriod } from "./period.js";
import { conditionsOf, go, groupsOf, here, withCondition, without } from "./place.js";
import { typed } from "./saved.js";
import { hasHidden } from "./visible.js";
import { condition, zoneName } from "./words.js";

/** The bar; `draw()` shows the state in the URL. */
export function filterBar() {
  const chips = h("ul", { class: "chips", "aria-label": "Filters" });
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
    filters: (text) => (TIMED.test(text) ? besides() : inPeriod(besides())),
    onerror: (error) => put(help, error && h("span", { class: "wrong" }, error.message)),
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
      put(help, h("span", { class: "wrong" }, error.message));
      if (document.activeElement === search) selectWord(search, Number(place[1]) - 1);
    }
  };
  /** Take a group out of the filters, into the box. */
  const edited = ({ group, rest }) => {
    go({ filters: rest, open: null });
    search.value = [search.value, groupText(group)].filter(Boolean).join(" ");
    search.focus();
  };
  const howTo = h("button", { class: "add", "aria-label": "How to search", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => popover(howTo, examples(), { label: "How to search" }) }, "?");
  const basic = withButton().filter((name) => name !== "date").map((name) => opener(name));
  const more = h("button", { class: "add", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => choose(more) }, "More filters");
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
    const words = filters.text?.text;
    search.value = words === undefined ? "" : Array.isArray(words) ? words.join(" ") : String(words);
    drawChips();
  };
  const node = h(
    "section",
    { class: "bar", "aria-label": "Filter" },
    h("div", { class: "row wrap" }, h("div", { class: "search" }, search, completions.node), howTo, basic, more),
    help,
    chips,
  );
  return { node, draw };
}

/** Select the text from a position, in characters, to the next white space or colon. */
function selectWord(box, position) {
  const start = [...box.value].slice(0, position).join("").length;
  const length = box.value.slice(start).search(/[\s:]|$/);
  box.setSelectionRange(start, start + Math.max(length, 1));
}

/** What people may type, each with what it finds. */
const EXAMPLES = [
  ["invoice 2026", "both words, in any text"],
  ['"invoice 2026"', "the words next to each other"],
  ["invo*", "a word that begins so"],
  ["user:ann*", "users whose names begin so; *ann* contains"],
  ["app:okta,github", "one of these apps"],
  ["verb:share,download", "what was done, whatever the source calls it"],
  ["-country:DE", "not from this country"],
  ["ip:10.0.0.0/8", "addresses of a network"],
  ["since:7d until:today", "a time; also 2026-11-28, -24h, date:2026-11"],
  ["admin:yes OR file:*", "either of the two; * is any value"],
];

const examples = () =>
  h("div", { class: "menu" }, h("table", {}, EXAMPLES.map(([text, what]) => h("tr", {}, h("td", {}, h("code", {}, text)), h("td", {}, what)))));

/** A search with a time, which takes the place of the period shown. */
const TIMED = /(^|[\s(-])(since|until|date):/i;

/** The filters that hold beside the text in the box: it shows words, so these are replaced. */
const besides = () => withCondition(here().filters, "text", "text", null);

/** Add what a search means to the filters, or show its groups. */
async function searched(text, options) {
  const [q, zone, filters] = [text.trim(), zoneName(), besides()];
  const meant = await api.explain({ q, filters, zone });
  if (meant.by) {
    const rest = await api.explain({ filters: meant.filters.date ? filters : await inPeriod(filters), zone });
    return showGroups([rest.text, q].filter(Boolean).join(" "), options);
  }
  typed({ q, zone, filters }, meant.filters);
  go({ filters: meant.filters, open: null }, options);
}

function opener(name) {
  const button = h(
    "button",
    { class: "add fold", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => edit(button, name) },
    label(name),
  );
  return button;
}

/** One chip per condition, except the date, which the time picker shows, and searched words: the box shows them, unless they have hidden characters. */
function drawn(filters, edited) {
  const { date, ...others } = filters;
  const all = conditionsOf(others);
  const groups = groupsOf(filters);
  const shown = all.filter(([name, operator, operands]) => !(name === "text" && operator === "text" && !hasHidden(String(operands))));
  const items = shown.map(([name, operator, operands]) => h("li", {}, chip(name, operator, operands)));
  items.push(...groups.map((group) => h("li", {}, groupChip(group, edited))));
  if (all.length || groups.length) items.push(h("li", {}, h("button", { class: "bare", onclick: () => go({ filters: date ? { date } : {}, open: null }) }, "Clear all")));
  return items;
}

function chip(name, operator, operands) {
  const [what, how, values] = condition(name, operator, operands);
  const open = h(
    "button",
    { class: "chip-open", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => edit(open, name, operator, operands) },
    h("span", { class: "chip-what" }, what),
    ` ${how} `,
    values.length > 0 && h("b", {}, values),
  );
  const remove = h(
    "button",
    {
      class: "chip-remove",
      "aria-label": ["Remove ", what, " ", how, " ", values],
      onclick: () => go({ filters: withCondition(here().filters, name, operator, null), open: null }),
    },
    "×",
  );
  return h("span", { class: "chip" }, open, remove);
}

/** A group is shown as the search that it is; opening it takes it into the box. */
function groupChip({ group, rest }, edited) {
  const text = groupText(group) ?? "…";
  const open = h("button", { class: "chip-open", title: "Edit in the search box", onclick: () => edited({ group, rest }) }, h("b", {}, text));
  const remove = h("button", { class: "chip-remove", "aria-label": ["Remove ", text], onclick: () => go({ filters: rest, open: null }) }, "×");
  return h("span", { class: "chip" }, open, remove);
}

/** Open the panel of a filter; changes take effect at once. */
export function edit(anchor, name, operator, operands) {
  const current = here().filters[name] ?? {};
  const first = operator ?? Object.keys(current)[0];
  const values = operands ?? current[first];
  const set = (changes) => {
    const all = Object.entries(changes).reduce((so, [changed, next]) => withCondition(so, name, changed, next), here().filters);
    go({ filters: all, open: null });
  };
  popover(
    anchor,
    editor({
      name,
      operator: first,
      values: values === undefined ? undefined : Array.isArray(values) ? values : [values],
      others: () => inPeriod(without(here().filters, name)),
      set,
    }),
    { label: `Filter ${label(name)}` },
  );
}

/** Choose one of all filters. */
function choose(anchor) {
  const items = known().map((name) =>
    h("button", { class: "item", "data-name": `${label(name)} ${name}`.toLowerCase(), onclick: () => (closePopover(), edit(anchor, name)) }, label(name), h("code", {}, name)),
  );
  const narrow = h("input", {
    type: "search",
    placeholder: "Find a filter …",
    "aria-label": "Find a filter",
    autofocus: true,
    oninput: () => {
      for (const item of items) item.hidden = !item.dataset.name.includes(narrow.value.trim().toLowerCase());
    },
  });
  popover(anchor, h("div", { class: "menu" }, narrow, items), { label: "Filters" });
}
