// What else a user or an address did in the 30 days before an activity.

import * as api from "./api.js";
import { h } from "./dom.js";
import { loading } from "./failure.js";
import { label, valueLabel } from "./language.js";
import { countLink, momentLink } from "./link.js";
import { DAY } from "./period.js";
import { address, only } from "./place.js";
import { filled, sparkline } from "./sparkline.js";
import { activities, bare, many } from "./words.js";

const DAYS = 30;
const SHOWN = 4;
const HEIGHT = 36;

const FACETS = ["user.username", "location.country", "location.organizations", "ip.address", "userAgent.userAgent", "service"];

export function insights({ user, ip, at }, signal) {
  const sections = [user && about("This user", "user.username", user, at, signal), ip && about("This IP address", "ip.address", ip, at, signal)].filter(Boolean);
  return sections.length ? h("section", { "aria-label": "Insights" }, h("h3", `Insights: previous ${DAYS} days`), sections) : null;
}

const about = (title, filter, value, at, signal) => h(".insight", h("h4", title), loading(() => counts(filter, value, at, signal), "Counting …"));

async function counts(filter, value, at, signal) {
  const [first, last] = [at - DAYS * DAY, at];
  const mine = only(filter, value);
  const filters = { ...mine, date: { range: [{ start: first, end: last }] } };
  const administrative = { ...filters, ...only("activity.type", true) };
  const others = FACETS.filter((name) => name !== filter);
  const [days, { total, facets }, admin, { data: [oldest] }] = await Promise.all([
    api.histogram({ filters, width: DAY, first, last }, { signal }),
    api.facets({ filters, facets: others, limit: SHOWN }, { signal }),
    api.list({ filters: administrative, limit: 1 }, { signal }),
    api.list({ filters: mine, sortDirection: "asc", limit: 1 }, { signal }),
  ]);
  return [
    perDay(days, filters, first, last),
    facts([["Activities", countLink(filters, total)], ["Administrative", countLink(administrative, admin.total)], oldest && ["First seen", momentLink(mine, oldest, "asc")]]),
    facets.map((facet) => frequent(facet, filters)),
  ];
}

export const facts = (rows) => h("dl.counts", rows.filter(Boolean).map(([name, value]) => [h("dt", name), h("dd", value)]));

function frequent({ filter, values }, filters) {
  if (!values.length) return null;
  const items = values.map(({ value, total }) => {
    const text = valueLabel(filter, value);
    return h("li", h("span.cut.grow", { title: text }, text), countLink({ ...filters, ...only(filter, value) }, total));
  });
  return h(".frequent", h("h5", many(label(filter))), h("ul", items));
}

function perDay({ spans }, filters, first, last) {
  const begin = Math.floor(first / DAY) * DAY;
  const bars = filled(spans, { first: begin, last: begin + DAYS * DAY, width: DAY }).map(([start, total]) => {
    const range = { start: Math.max(start, first), end: Math.min(start + DAY - 1, last) };
    return { total, text: `${bare(start).slice(0, 10)}: ${activities(total)}`, href: address({ filters: { ...filters, date: { range: [range] } } }) };
  });
  return sparkline(bars, HEIGHT);
}
