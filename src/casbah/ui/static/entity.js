// The pages of one user, IP address, session, file or app: its history across all sources, and what is new in it.

import * as api from "./api.js";
import { h, put, toast } from "./dom.js";
import { failure } from "./failure.js";
import { choicesOf, label, learnFrom, valueLabel } from "./language.js";
import { placesOf } from "./map.js";
import { naming } from "./names.js";
import { change, page, table } from "./pages.js";
import { address, entityAddress, here, KINDS } from "./place.js";
import { sentenceNodes } from "./sentence.js";
import { counted, moment, plural } from "./words.js";

const DAY = 86_400_000;
const DAYS = [1, 7, 30];
const USUAL_DAYS = 7;
const COMPARED = 200;
const SHOWN = 8;
const ROWS = 20;
const MAX_NAMES = 100;
const FIELDS = ["user.username", "service", "verb", "ip.address", "location.country", "location.organizations", "device.type", "userAgent.userAgent", "session", "fileSelector", "user.tags", "user.orgUnit", "ip.category", "ip.tags"];

const daysShown = () => DAYS.find((days) => String(days) === new URLSearchParams(location.search).get("days")) ?? USUAL_DAYS;
const link = (filters, total) => h("a", { href: address({ filters }) }, counted(total));
const first = (filters, sortDirection) => api.list({ filters, sortDirection, limit: 1 });

/** The page of a kind (`KINDS`) with a value. */
export function entityPage({ kind, value }, { mayManage }) {
  const { title, filter } = KINDS[kind];
  const name = filter === "service" ? valueLabel(filter, value) : value;
  const mine = { [filter]: { eq: [filter === "service" && Number.isFinite(Number(value)) ? Number(value) : value] } };
  return page([title, " ", name], async (again) => {
    const [newest, oldest] = await Promise.all([first(mine, "desc"), first(mine, "asc")]);
    if (!newest.total) return h("p", {}, "No activities. ", h("a", { href: "/" }, "Go to the log"));
    learnFrom(newest.data);
    const end = Number(newest.data[0].timestamp);
    const start = end - daysShown() * DAY;
    return [
      await summary(mine, newest, oldest.data[0]),
      naming(filter, value, { mayManage, again }),
      filter === "ip.address" && mayManage && section("Tag this address", () => tagging(value, mine, again)),
      section("Over time", () => timeline(mine)),
      section(h("span", {}, "What is new ", period()), () => comparison(mine, filter, { start, end })),
      section("Places", async () => (await placesOf(mine)) ?? h("p", { class: "quiet" }, "No coordinates are stored with these activities.")),
      filter === "user.username" && section("Other names", () => otherNames(value, mine)),
      section("Activities", () => activities(mine)),
    ];
  });
}

/** A section whose content loads by itself. */
function section(title, load) {
  const box = h("div", {}, h("p", { class: "quiet" }, "Loading …"));
  const start = () => load().then((content) => put(box, content), (error) => put(box, failure(error, start)));
  start();
  return h("section", {}, h("h2", {}, title), box);
}

/** The length of the period that is compared with everything before it; each is a URL. */
const period = () =>
  DAYS.map((days) => h("a", { class: "button", href: `${location.pathname}?days=${days}`, "aria-current": days === daysShown() ? "true" : null }, plural(days, "day", "days")));

async function summary(mine, { total, data: [newest] }, oldest) {
  const [admin, failed] = [{ ...mine, "activity.type": { eq: [true] } }, { ...mine, verb: { eq: ["sign-in-failed"] } }];
  const [admins, failures] = await Promise.all([first(admin, "desc"), first(failed, "desc")]);
  const when = (record, direction) => h("a", { href: address({ filters: mine, direction, open: record._id }) }, moment(record.timestamp));
  const rows = [["Activities", link(mine, total)], ["Administrative", link(admin, admins.total)], ["Failed sign-ins", link(failed, failures.total)], ["First seen", when(oldest, "asc")], ["Last seen", when(newest, "desc")]];
  return h("dl", { class: "counts" }, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** Bars over time, by app; each is a link to its span. */
async function timeline(mine) {
  const result = await api.histogram({ filters: mine, by: "service" });
  const apps = [...result.series, ...(result.rest.total ? [{ ...result.rest, value: null }] : [])];
  const most = Math.max(...result.spans.map((span) => span.total));
  const totals = new Map(result.spans.map((span) => [span.start, span.total]));
  const count = Math.floor((result.last - result.spans[0].start) / result.width) + 1;
  const color = (position) => (apps[position].value === null ? "series-rest" : `series-${position}`);
  const bars = Array.from({ length: count }, (_, at) => {
    const start = result.spans[0].start + at * result.width;
    const range = { start, end: start + result.width - 1 };
    const parts = apps.map(({ spans }, position) => [spans.find((span) => span.start === start)?.total ?? 0, color(position)]);
    const pieces = parts.filter(([total]) => total).map(([total, name]) => {
      const piece = h("span", { class: `piece ${name}` });
      piece.style.height = `${Math.max((total / most) * 100, 2)}%`;
      return piece;
    });
    const text = `${moment(start)}: ${plural(totals.get(start) ?? 0, "activity", "activities")}`;
    return pieces.length ? h("a", { class: "spark", href: address({ filters: { ...mine, date: { range: [range] } } }), title: text, "aria-label": text }, pieces) : h("span", { class: "spark" });
  });
  const keys = apps.map(({ value, total }, position) => h("li", {}, h("span", { class: `swatch ${color(position)}` }), value === null ? ["Others ", counted(total)] : [valueLabel("service", value), " ", link({ ...mine, service: { eq: [value] } }, total)]));
  return [h("div", { class: "sparkline tall" }, bars), h("div", { class: "axis" }, h("span", {}, moment(result.first)), h("span", {}, moment(result.last))), h("ul", { class: "keys" }, keys)];
}

/** The values of each field in the period, with how often they occurred before it; new ones first. */
async function comparison(mine, own, window) {
  const fields = FIELDS.filter((name) => name !== own);
  const recent = { ...mine, date: { range: [window] } };
  const before = { ...mine, date: { range: [{ end: window.start - 1 }] } };
  const { facets } = await api.facets({ filters: recent, facets: fields, limit: COMPARED });
  const rows = await Promise.all(facets.filter(({ values }) => values.length).map((facet) => compared(facet, recent, before)));
  const note = ["Now is from ", moment(window.start), " to the newest activity; before is all that was earlier."];
  return [h("p", { class: "quiet" }, note), h("div", { class: "compared" }, rows)];
}

async function compared({ filter, values }, recent, before) {
  const earlier = { ...before, [filter]: { eq: values.map(({ value }) => value) } };
  const { facets } = await api.facets({ filters: earlier, facets: [filter], limit: 1_000 });
  const counts = new Map(facets[0].values.map(({ value, total }) => [String(value), total]));
  const rows = values.map(({ value, total }) => ({ value, total, old: counts.get(String(value)) ?? 0 }));
  const ordered = [...rows.filter(({ old }) => !old), ...rows.filter(({ old }) => old)];
  const one = (value) => ({ [filter]: { eq: [value] } });
  const cells = ordered.slice(0, SHOWN).map(({ value, total, old }) =>
    h("tr", {}, h("td", {}, entityLink(filter, value)), h("td", { class: "number" }, link({ ...recent, ...one(value) }, total)), h("td", { class: "number" }, old ? link({ ...before, ...one(value) }, old) : h("b", { class: "wrong" }, "new"))),
  );
  const rest = ordered.length > SHOWN && h("p", { class: "quiet" }, `and ${values.length === COMPARED ? "at least " : ""}${counted(ordered.length - SHOWN)} more`);
  return h("div", {}, table(label(filter), [label(filter), "Now", "Before"], cells), rest);
}

/** A value as a link to its page if its filter has one. */
function entityLink(filter, value) {
  const href = entityAddress(filter, value);
  const text = valueLabel(filter, value);
  return href ? h("a", { href }, text) : text;
}

/** Names of users whose activities are of the same accounts. */
async function otherNames(name, mine) {
  const { facets: [accounts] } = await api.facets({ filters: mine, facets: ["entity"], limit: MAX_NAMES });
  if (!accounts.values.length) return h("p", { class: "quiet" }, "No account ids are known.");
  const same = { entity: { eq: accounts.values.map(({ value }) => value) } };
  const { facets: [names] } = await api.facets({ filters: same, facets: ["user.username"], limit: MAX_NAMES });
  const others = names.values.filter(({ value }) => value !== name.toLowerCase());
  if (!others.length) return h("p", { class: "quiet" }, "No other name is used with the same account ids.");
  return h("ul", { class: "objects" }, others.map(({ value, total }) => h("li", {}, h("span", { class: "grow break" }, entityLink("user.username", value)), link({ ...same, "user.username": { eq: [value] } }, total))));
}

/** The activities as sentences, newest first. */
async function activities(mine) {
  const list = h("ol", { class: "sentences" });
  const button = h("button", { onclick: () => more().catch((error) => toast(error.message, "bad")) }, "Show older");
  let skip = 0;
  const more = async () => {
    const { data, hasNext } = await api.sentences({ filters: mine, skip, limit: ROWS });
    skip += data.length;
    button.hidden = !hasNext;
    list.append(...data.map(({ activityId, timestamp, pieces }) => h("li", {}, h("a", { href: address({ filters: mine, open: activityId }) }, moment(timestamp)), h("span", { class: "grow sentence" }, sentenceNodes(pieces)))));
  };
  await more();
  return [list, button];
}

/** The category of an address: an IP range of its own. */
async function tagging(value, mine, again) {
  const { data } = await api.ranges({ limit: 1_000 });
  const own = data.find(({ subnets }) => subnets.length === 1 && [value, `${value}/32`, `${value}/128`].includes(subnets[0].originalString));
  const tag = async (category) => {
    const range = { name: own?.name ?? value, category, subnets: [value], tags: own?.tags.map(({ name }) => name) ?? [], organization: own?.organization ?? null, location: own?.location ?? null };
    await change(() => (own ? api.updateRange(own._id, range) : api.createRange(range)), again, "Saved; it applies to activities stored from now on");
  };
  const buttons = choicesOf("ip.category").filter((choice) => choice.value > 0).map((choice) =>
    h("button", { "aria-pressed": String(choice.value === own?.category), onclick: () => tag(choice.value) }, choice.name),
  );
  const apply = h("button", { onclick: () => change(() => api.enrichAgain(mine), again, "Applied to its stored activities") }, "Apply to stored activities");
  const remove = h("button", { class: "bare", onclick: () => change(() => api.deleteRange(own._id), again, "Removed") }, "Remove");
  return h("div", { class: "row wrap" }, buttons, own && [apply, remove]);
}
