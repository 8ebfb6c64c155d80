// Groups: what a search with `by:` counts, beside the period before; a click narrows the log to a group.

import * as api from "./api.js";
import { h, put, setTitle } from "./dom.js";
import { failure } from "./failure.js";
import { label, valueLabel } from "./language.js";
import { table } from "./pages.js";
import { CASBAH, DAY, periodOf } from "./period.js";
import { address, withCondition } from "./place.js";
import { sparkline } from "./sparkline.js";
import { bare, counted, plural, spanStart, zoneAt, zoneName } from "./words.js";

const SPANS = 24;
const LIMIT = 100;
const HEIGHT = 24;

const READY = [
  ["Password spray", "Addresses from which many users failed to sign in", "verb:sign-in-failed by:ip distinct:user since:30d"],
  ["Mass download", "Users who downloaded many files", "verb:download,export by:user distinct:fileId since:30d"],
  ["Users from many addresses", "Users with many addresses and countries", "by:user distinct:ip,country since:30d"],
  ["New apps", "Apps by number of users, compared with the previous 30 days", "by:app distinct:user since:30d"],
];

/** Periods until now, as a search says them. */
const TIMES = [["24 h", "24h"], ["7 d", "7d"], ["30 d", "30d"], ["All", null]];
/** The times of a search; what is in quotes stays. */
const TIMED = /"[^"]*"|(?:^|\s)(?:since|until|date):\S*/gi;

/** A search with another period. */
const withTime = (q, since) => [q.replace(TIMED, (part) => (part.startsWith('"') ? part : "")).trim(), since && `since:${since}`].filter(Boolean).join(" ");

/** The URL of the groups of a search. */
export const groupsAddress = (q) => `/groups?q=${encodeURIComponent(q)}`;

/** Show the groups of a search; `replace` adds no history entry. */
export function showGroups(q, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", groupsAddress(q));
  dispatchEvent(new PopStateEvent("popstate"));
}

/** What is shown at first: users, in the period in which the log begins. */
async function usual() {
  const { start } = await periodOf({ filters: {}, time: "30d" });
  return `by:user -app:${CASBAH} since:${Date.now() - start > 31 * DAY ? bare(start).slice(0, "2026-01-31".length) : "30d"}`;
}

const here = () => new URLSearchParams(location.search).get("q") ?? "";

/** The view; `draw()` shows the search in the URL. */
export function groupsPage() {
  const search = h("input", { type: "search", class: "grow", "aria-label": "Search with by:", placeholder: READY[0][2] });
  const submit = (event) => {
    event.preventDefault();
    showGroups(search.value.trim());
  };
  const times = TIMES.map(([text, since]) => h("button", { type: "button", onclick: () => showGroups(withTime(here(), since)) }, text));
  const content = h("div", { "aria-live": "polite" });
  const latest = new api.Latest();
  const node = h(
    "div",
    { class: "page groups" },
    h("h1", {}, "Groups"),
    h("form", { class: "row wrap", onsubmit: submit }, search, h("button", { class: "primary" }, "Show groups")),
    h("div", { class: "row together", role: "group", "aria-label": "Time" }, times),
    h("p", { class: "quiet" }, "by: groups activities by one or two fields; distinct: counts the values of others in each group."),
    h("ul", { class: "chips", "aria-label": "Ready-made views" }, READY.map(([name, help, q]) => h("li", {}, h("a", { class: "button", href: groupsAddress(q), title: help }, name)))),
    content,
  );

  async function draw() {
    const signal = latest.begin();
    content.setAttribute("aria-busy", "true");
    try {
      const q = here() || (await usual());
      if (signal.aborted) return;
      if (!here()) return void showGroups(q, { replace: true });
      search.value = q;
      times.forEach((button, position) => button.setAttribute("aria-pressed", String(withTime(q, TIMES[position][1]) === q)));
      const request = { q, zone: zoneName() };
      const [meant, result] = await Promise.all([api.explain(request, { signal }), api.groups({ ...request, previous: true, spans: SPANS, limit: LIMIT }, { signal })]);
      setTitle(meant.text);
      put(content, shown(result, meant.filters));
    } catch (error) {
      if (api.isAborted(error)) return;
      put(content, failure(error, draw));
    }
    content.removeAttribute("aria-busy");
  }

  return { node, draw, leave: () => latest.begin() };
}

function shown(result, filters) {
  const { by, distinct, groups, previous, stopped } = result;
  if (!result.total) return h("p", {}, "No activities match. Remove a filter or widen the time range.");
  const compared = previous ? `; ${counted(result.newCount)} new, ${counted(result.stoppedCount)} stopped since the period before` : "";
  const more = groups.length < result.count ? `, the first ${counted(groups.length)} shown` : "";
  const titles = [...by.map(label), "Activities", previous && "Before", ...distinct.map((name) => ["Distinct: ", label(name)]), ...["First", "Last"].map((title) => `${title} (${zoneAt(Date.now())})`), "Over time"];
  return [
    h("p", { class: "total" }, plural(result.count, "group", "groups"), " of ", plural(result.total, "activity", "activities"), more, compared),
    table("Groups", titles.filter(Boolean), groups.map((group) => row(group, result, filters))),
    stopped?.length > 0 && [h("h2", {}, "Stopped"), table("Stopped", [...by.map(label), "Before"], stopped.map((group) => h("tr", {}, names(by, group.values), number(group.previous))))],
  ];
}

function row(group, { by, previous, layout }, filters) {
  const narrowed = by.reduce((all, name, position) => withCondition(all, name, "eq", [group.values[position]]), filters);
  const [first, ...others] = names(by, group.values);
  put(first, h("a", { href: address({ filters: narrowed, time: "all" }) }, first.textContent));
  return h(
    "tr",
    {},
    first,
    others,
    number(group.total),
    previous && h("td", { class: "number" }, group.previous ? counted(group.previous) : "new"),
    group.distinct.map(number),
    [group.first, group.last].map((ms) => h("td", { class: "when" }, bare(ms))),
    h("td", {}, overTime(group.spans, layout)),
  );
}

const names = (by, values) => by.map((name, position) => h("td", {}, valueLabel(name, values[position])));
const number = (value) => h("td", { class: "number" }, counted(value));

/** Bars of a group's counts over the time of all groups. */
function overTime(spans, { first, last, width }) {
  const totals = new Map(spans.map((span) => [span.start, span.total]));
  const bars = Array.from({ length: Math.floor((last - first) / width) + 1 }, (_, position) => {
    const start = first + position * width;
    const total = totals.get(start) ?? 0;
    return { total, text: `${spanStart(start, width)}: ${plural(total, "activity", "activities")}` };
  });
  const box = sparkline(bars, HEIGHT);
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", `At most ${plural(Math.max(...totals.values()), "activity", "activities")} at a time`);
  Object.assign(box.style, { height: `${HEIGHT}px`, width: "140px" });
  return box;
}
