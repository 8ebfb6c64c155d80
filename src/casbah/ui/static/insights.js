import * as api from "./api.js";
import { h, loading } from "./dom.js";
import { label, valueLabel } from "./language.js";
import { countLink, momentLink } from "./link.js";
import { DAY, within } from "./period.js";
import { address, only } from "./place.js";
import { filled, sparkline } from "./sparkline.js";
import { activities, bare, many } from "./words.js";

const DAYS = 30;
const SHOWN = 4;
const HEIGHT = 36;

const FACETS = ["user.username", "location.country", "location.organizations", "ip.address", "userAgent.userAgent", "service"];

export function insights({ user, ip, at }, signal) {
  const about = (title, filter, value) => value && h(".insight", h("h4", title), loading(() => counts(filter, value, at, signal), "Counting …"));
  const sections = [about("This user", "user.username", user), about("This IP address", "ip.address", ip)].filter(Boolean);
  return sections.length > 0 && h("section", { "aria-label": "Insights" }, h("h3", `Insights: previous ${DAYS} days`), sections);
}

async function counts(filter, value, at, signal) {
  const [first, last] = [at - DAYS * DAY, at];
  const mine = only(filter, value);
  const filters = within(mine, first, last);
  const administrative = only("activity.type", true, filters);
  const others = FACETS.filter((name) => name !== filter);
  const [days, { total, facets }, admin, { data: [oldest] }] = await Promise.all([
    api.histogram({ filters, width: DAY, first, last }, { signal }),
    api.facets({ filters, facets: others, limit: SHOWN }, { signal }),
    api.first(administrative, { signal }),
    api.first(mine, { signal }, "asc"),
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
    return h("li", h("span.cut.grow", { title: text }, text), countLink(only(filter, value, filters), total));
  });
  return h(".frequent", h("h5", many(label(filter))), h("ul", items));
}

function perDay({ spans }, filters, first, last) {
  const begin = Math.floor(first / DAY) * DAY;
  const bars = filled(spans, { first: begin, last: begin + DAYS * DAY, width: DAY }).map(([start, total]) => {
    const day = within(filters, Math.max(start, first), Math.min(start + DAY - 1, last));
    return { total, text: `${bare(start).slice(0, 10)}: ${activities(total)}`, href: address({ filters: day }) };
  });
  return sparkline(bars, HEIGHT);
}
