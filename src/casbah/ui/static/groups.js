import * as api from "./api.js";
import { failure, h, onSubmit, put, setTitle, template } from "./dom.js";
import { label, valueLabel } from "./language.js";
import { searchLink } from "./link.js";
import { duration, table } from "./pages.js";
import { isTimed, ofOthers, periodOf, since } from "./period.js";
import { here as log, visit, withCondition } from "./place.js";
import { filled, sparkline } from "./sparkline.js";
import { spanText, timeButtons } from "./timebar.js";
import { activities, bare, counted, many, plural, spanStart, zoneAt, zoneName } from "./words.js";

const SPANS = 24;
const LIMIT = 100;
const HEIGHT = 24;

/** What is in quotes stays. */
const TIMED = /"[^"]*"|(?:^|\s)(?:since|until|date):\S*/gi;

const withTime = (q, time) => `${q.replace(TIMED, (part) => (part.startsWith('"') ? part : "")).trim()} ${time}`.trim();

const groupsAddress = (q, order) => `/groups?${new URLSearchParams({ q, ...(order && { order }) })}`;

const showGroups = (q, options) => visit(groupsAddress(q), options);

export const showLogGroups = async (q, filters, options) => showGroups(filters.date || isTimed(q) ? q : withTime(q, await since(log().time)), options);

export async function groupBy(name) {
  const { filters } = log();
  const { text } = await api.explain({ q: `by:${name}`, filters: ofOthers(filters), zone: zoneName() });
  await showLogGroups(text, filters);
}

const parameter = (name) => new URLSearchParams(location.search).get(name) ?? "";

export function groupsPage() {
  const { node, form, search, ready, content } = template("groups");
  const times = timeButtons("Time", async (time) => visit(groupsAddress(withTime(parameter("q"), await since(time)), parameter("order"))));
  const begin = api.latest();
  onSubmit(form, () => showGroups(search.value.trim()));
  form.after(times);

  async function draw() {
    const signal = begin();
    content.ariaBusy = true;
    try {
      const current = parameter("q");
      if (current) search.value = current;
      const buttons = [...times.children];
      const [usual, ...sinces] = await Promise.all(["30d", ...buttons.map(({ dataset }) => dataset.time)].map(since));
      if (signal.aborted) return;
      const q = current || `by:user -app:Casbah ${usual}`;
      if (!current) history.replaceState(null, "", groupsAddress(q));
      search.value ||= q; // Nothing that was typed meanwhile is lost.
      for (const link of ready.querySelectorAll("a")) link.href = groupsAddress(`${link.dataset.q} ${usual}`, link.dataset.order);
      ready.hidden = false;
      buttons.forEach((one, position) => (one.ariaPressed = withTime(q, sinces[position]) === q));
      const [request, order] = [{ q, zone: zoneName() }, parameter("order") || "most"];
      const [meant, result] = await Promise.all([api.explain(request, { signal }), api.groups({ ...request, order, previous: true, spans: SPANS, limit: LIMIT }, { signal })]);
      setTitle(meant.text);
      const period = await periodOf({ filters: meant.filters, time: "all" });
      if (signal.aborted) return;
      put(content, shown(result, order, meant.filters, period.start !== null && [", ", spanText(period.first, period.last)]));
    } catch (error) {
      if (api.isAborted(error)) return;
      put(content, failure(error, draw));
    }
    content.ariaBusy = null;
  }

  return { node, draw, leave: begin };
}

function shown(result, order, filters, period) {
  const { by, distinct, groups, previous, stopped } = result;
  if (!result.total) return h("p", "No activities match. Remove a filter or widen the time range.");
  const before = previous && `Previous ${duration(previous.last - previous.first + 1)}`;
  const compared = previous ? `. Compared with the ${before.toLowerCase()}: ${counted(result.newCount)} new, ${counted(result.stoppedCount)} no longer active` : "";
  const more = groups.length < result.count ? `, the first ${counted(groups.length)} shown` : "";
  const column = (title, isOrdered) => h("th", { scope: "col", "aria-sort": isOrdered ? "descending" : null }, title, isOrdered && " ↓");
  const counts = [...distinct.map((name) => many(label(name))), "Activities"].map((title, position) => column(title, order === "most" && position === 0));
  const times = ["First", "Last"].map((title) => column(`${title} (${zoneAt(Date.now())})`, order === title.toLowerCase()));
  const sorted = order === "first" && previous ? groups.toSorted((one, other) => !other.previous - !one.previous) : groups;
  return [
    h("p.total", plural(result.count, "group"), " of ", activities(result.total), period, more, compared),
    table("Groups", [...by.map(label), ...counts, ...(previous ? [column(before)] : []), ...times, "Over time"], sorted.map((group) => row(group, result, filters))),
    stopped?.length > 0 && [h("h2", "No longer active"), table("No longer active", [...by.map(label), column(before)], stopped.map((group) => [...names(by, group.values), number(group.previous)]))],
  ];
}

/** What decides is first: narrow screens show it without scrolling. */
function row(group, { by, previous, layout }, filters) {
  const narrowed = by.reduce((all, name, position) => withCondition(all, name, "eq", [group.values[position]]), filters);
  const [first, ...others] = names(by, group.values);
  return [
    searchLink(narrowed, first),
    ...others,
    ...group.distinct.map(number),
    number(group.total),
    ...(previous ? [group.previous ? number(group.previous) : h("td.number", "new")] : []),
    ...[group.first, group.last].map((ms) => h("td.when", bare(ms))),
    overTime(group.spans, layout),
  ];
}

const names = (by, values) => by.map((name, position) => valueLabel(name, values[position]));
const number = (value) => h("td.number", counted(value));

function overTime(spans, layout) {
  const bars = filled(spans, layout).map(([start, total]) => ({ total, text: `${spanStart(start, layout.width)}: ${activities(total)}` }));
  const most = Math.max(...spans.map(({ total }) => total));
  return sparkline(bars, HEIGHT, { role: "img", "aria-label": `At most ${activities(most)} at a time`, style: { height: `${HEIGHT}px`, width: "140px" } });
}
