// What else a user or an address did in the 30 days before an activity; each number links to its query.

import * as api from "./api.js";
import { h, put } from "./dom.js";
import { failure } from "./failure.js";
import { valueLabel } from "./language.js";
import { address } from "./place.js";
import { sparkline } from "./sparkline.js";
import { bare, counted, moment, plural } from "./words.js";

const DAY = 86_400_000;
const DAYS = 30;
const SHOWN = 4;
const HEIGHT = 36;

const OF_USER = [
  ["Countries", "location.country"],
  ["ISPs", "location.organizations"],
  ["IP addresses", "ip.address"],
  ["User agents", "userAgent.userAgent"],
  ["Apps", "service"],
];
const OF_ADDRESS = [
  ["Users", "user.username"],
  ["Countries", "location.country"],
  ["ISPs", "location.organizations"],
  ["User agents", "userAgent.userAgent"],
  ["Apps", "service"],
];

/** Insights on a record's user and address, if it has them. */
export function insights({ user, ip, at }, signal) {
  const sections = [
    user && about("This user", "user.username", user, OF_USER, at, signal),
    ip && about("This IP address", "ip.address", ip, OF_ADDRESS, at, signal),
  ].filter(Boolean);
  return sections.length ? h("section", { "aria-label": "Insights" }, h("h3", {}, `Insights: previous ${DAYS} days`), sections) : null;
}

function about(title, filter, value, facets, at, signal) {
  const mine = { [filter]: { eq: [value] } };
  const window = { start: at - DAYS * DAY, end: at };
  const filters = { ...mine, date: { range: [window] } };
  const box = h("div", { class: "insight" }, h("h4", {}, title), h("p", { class: "quiet" }, "Counting …"));
  const start = () =>
    load(box, { title, mine, filters, window, facets, filter }, signal).catch((error) => {
      if (!api.isAborted(error)) put(box, h("h4", {}, title), failure(error, start));
    });
  start();
  return box;
}

async function load(box, { title, mine, filters, window, facets, filter }, signal) {
  const administrative = { ...filters, "activity.type": { eq: [true] } };
  const [days, counts, admin, first] = await Promise.all([
    api.histogram({ filters, width: DAY, first: window.start, last: window.end }, { signal }),
    api.facets({ filters, facets: facets.map(([, name]) => name), limit: SHOWN }, { signal }),
    api.list({ filters: administrative, limit: 1 }, { signal }),
    api.list({ filters: mine, sortDirection: "asc", limit: 1 }, { signal }),
  ]);
  const oldest = first.data[0];
  put(
    box,
    h("h4", {}, title),
    perDay(days, filters, window),
    h(
      "dl",
      { class: "counts" },
      pair("Activities", link(counts.total, filters)),
      pair("Administrative", link(admin.total, administrative)),
      oldest && pair("First seen", h("a", { href: address({ filters: mine, time: "all", direction: "asc", open: oldest._id }) }, moment(oldest.timestamp))),
    ),
    counts.facets.map((facet, position) => frequent(facets[position][0], facet, filters, filter)),
  );
}

const pair = (name, value) => [h("dt", {}, name), h("dd", {}, value)];
const link = (total, filters) => h("a", { href: address({ filters }) }, counted(total));

function frequent(title, { filter, values }, filters, own) {
  if (!values.length || filter === own) return null;
  const items = values.map(({ value, total }) =>
    h("li", {}, h("span", { class: "cut grow", title: valueLabel(filter, value) }, valueLabel(filter, value)), link(total, { ...filters, [filter]: { eq: [value] } })),
  );
  return h("div", { class: "frequent" }, h("h5", {}, title), h("ul", {}, items));
}

/** Activities per day; each bar links to its day. */
function perDay(result, filters, window) {
  const totals = new Map(result.spans.map((span) => [span.start, span.total]));
  const begin = Math.floor(window.start / DAY) * DAY;
  const bars = Array.from({ length: DAYS + 1 }, (_, day) => {
    const start = begin + day * DAY;
    const total = totals.get(start) ?? 0;
    const range = { start: Math.max(start, window.start), end: Math.min(start + DAY - 1, window.end) };
    const text = `${bare(start).slice(0, 10)}: ${plural(total, "activity", "activities")}`;
    return { total, text, href: address({ filters: { ...filters, date: { range: [range] } } }) };
  });
  return sparkline(bars, HEIGHT);
}
