import * as api from "./api.js";
import { seriesOf } from "./columns.js";
import { attempt, button, h, loading, put, quiet } from "./dom.js";
import { drawn, ticksFor } from "./histogram.js";
import { facts } from "./insights.js";
import { label, learnFrom, valueLabel } from "./language.js";
import { countLink, momentLink, searchLink, sentenceNodes, valueLink } from "./link.js";
import { placesOf } from "./map.js";
import { categories, change, naming, number, page, storeRange, table, tagsOf } from "./pages.js";
import { DAY, within } from "./period.js";
import { comparable, go, KINDS, only } from "./place.js";
import { counted, moment, plural, zoneName } from "./words.js";

const DAYS = [1, 7, 30];
const USUAL_DAYS = 7;
const SHOWN = 8;
const MANY = 10;
const ROWS = 20;
const MAX_NAMES = 100;
const FIELDS = ["user.username", "service", "verb", "ip.address", "location.country", "location.organizations", "device.type", "userAgent.userAgent", "session", "fileSelector", "user.tags", "user.orgUnit", "ip.category", "ip.tags"];

const daysShown = () => DAYS.find((days) => String(days) === new URLSearchParams(location.search).get("days")) ?? USUAL_DAYS;

export function entityPage({ kind, value }, { mayManage }) {
  const { title, filter } = KINDS[kind];
  const name = filter === "service" ? valueLabel(filter, value) : value;
  const mine = only(filter, filter === "service" && Number.isFinite(Number(value)) ? Number(value) : value);
  return page([title, " ", name], async (again) => {
    const [newest, oldest] = await Promise.all([api.first(mine), api.first(mine, {}, "asc")]);
    if (!newest.total) return h("p", "No activities. ", h("a", { href: "/" }, "Go to the log"));
    learnFrom(newest.data);
    const [begin, end] = [oldest, newest].map(({ data }) => Number(data[0].timestamp));
    const start = end - daysShown() * DAY;
    return [
      await summary(mine, newest, oldest.data[0]),
      naming(filter, value, { mayManage, again }),
      filter === "ip.address" && mayManage && section("Tag this address", () => tagging(value, mine, again)),
      section("Over time", () => timeline(mine)),
      section(h("span", "What is new ", period()), () => comparison(mine, filter, begin, { start, end })),
      section("Places", async () => (await placesOf(mine)) ?? quiet("No coordinates are stored with these activities.")),
      filter === "user.username" && section("Other names", () => otherNames(value, mine)),
      section("Activities", () => activities(mine)),
    ];
  });
}

const section = (title, load) => h("section", h("h2", {}, title), loading(load));

const period = () =>
  DAYS.map((days) => h("a.button", { href: `${location.pathname}?days=${days}`, "aria-current": days === daysShown() || null }, plural(days, "day")));

async function summary(mine, { total, data: [newest] }, oldest) {
  const [admin, failed] = [only("activity.type", true, mine), only("verb", "sign-in-failed", mine)];
  const [admins, failures] = await Promise.all([api.first(admin), api.first(failed)]);
  return facts([
    ["Activities", countLink(mine, total)],
    ["Administrative", countLink(admin, admins.total)],
    ["Failed sign-ins", countLink(failed, failures.total)],
    ["First seen", momentLink(mine, oldest, "asc")],
    ["Last seen", momentLink(mine, newest)],
  ]);
}

async function timeline(mine) {
  const result = await api.histogram({ filters: mine, by: "service", ticks: ticksFor(0.8 * innerWidth), zone: zoneName() });
  const key = (color, ...name) => h("li", h(`span.swatch.series-${color}`), name);
  const apps = result.series.map(({ value, total }) => key(seriesOf("service", value), valueLabel("service", value), " ", countLink(only("service", value, mine), total)));
  const chosen = (start, end) => go({ filters: within(mine, start, end) });
  return h(".histogram", h(".plot", drawn(result, chosen)), h("ul.keys", apps, result.rest.total > 0 && key("rest", "Others ", counted(result.rest.total))));
}

/** The values of each field in the period, and their counts in the period before; new ones first. */
async function comparison(mine, own, begin, { start, end }) {
  const ask = (facets, limit) => api.facets({ filters: mine, facets, limit, newSince: start, spelled: true });
  const [days, periods] = [plural(daysShown(), "day"), (start - begin) / (daysShown() * DAY)];
  const [recent, before] = [within(mine, start, end), within(mine, null, start - 1)];
  const row = (filter, { value, total, before: old, text }) => {
    const [one, name] = [only(filter, value), valueLabel(filter, value)];
    const average = Math.max(old / Math.max(periods, 1), 0.1).toFixed(1);
    const earlier = old ? searchLink({ ...before, ...one }, average) : h("b.wrong", "new");
    return [valueLink(filter, value, name === value ? text : name), number(countLink({ ...recent, ...one }, total)), ...(periods > 0 ? [number(earlier)] : [])];
  };
  const draw = (box, { filter, values, count }) => {
    const known = values.filter(({ value }) => valueLabel(filter, value).toLowerCase() !== "none");
    const more = count - values.length;
    const all = async () => draw(box, (await ask([filter], values.length * MANY)).facets[0]);
    const titles = [label(filter), "Now", ...(periods > 0 ? ["Before"] : [])];
    return put(box, known.length > 0 && table(label(filter), titles, known.map((item) => row(filter, item))), more > 0 && button(`${counted(more)} more`, () => attempt(all), { class: "bare" }));
  };
  const { facets } = await ask(FIELDS.filter((name) => name !== own), SHOWN);
  const note = periods > 0 ? `Now: the ${days} to the newest activity. Before: the average of ${days}, since ${moment(begin)}.` : `First seen on ${moment(begin)}: all of it is new.`;
  return [quiet(note), h(".compared", facets.filter(({ count }) => count).map((facet) => draw(h("div"), facet)))];
}

async function otherNames(name, mine) {
  const accounts = await api.valuesOf("entity", { filters: mine, limit: MAX_NAMES });
  if (!accounts.length) return quiet("No account ids are known.");
  const same = { entity: { eq: accounts.map(({ value }) => value) } };
  const others = (await api.valuesOf("user.username", { filters: same, limit: MAX_NAMES })).filter(({ value }) => value !== name.toLowerCase());
  if (!others.length) return quiet("No other name is used with the same account ids.");
  return h("ul.objects", others.map(({ value, total }) => h("li", h("span.grow.break", {}, valueLink("user.username", value)), countLink(only("user.username", value, same), total))));
}

async function activities(mine) {
  // The page is about whom each sentence would begin with.
  const without = (pieces) => (comparable(only(pieces[0].filter, pieces[0].value)) === comparable(mine) && pieces[1].text === " " ? pieces.slice(1) : pieces);
  const list = h("ol.sentences");
  const older = button("Show older", () => attempt(more));
  let skip = 0;
  const more = async () => {
    const { data, hasNext } = await api.sentences({ filters: mine, skip, limit: ROWS });
    skip += data.length;
    older.hidden = !hasNext;
    list.append(...data.map(({ activityId, timestamp, pieces }) => h("li", momentLink(mine, { _id: activityId, timestamp }), h("span.grow.sentence", sentenceNodes(without(pieces))))));
  };
  await more();
  return [list, older];
}

async function tagging(value, mine, again) {
  const { data } = await api.ranges({ limit: 1_000 });
  const own = data.find(({ subnets }) => subnets.length === 1 && [value, `${value}/32`, `${value}/128`].includes(subnets[0].originalString));
  const tag = (category) => {
    const { name = value, organization = null, location = null } = own ?? {};
    const range = { name, category, subnets: [value], tags: tagsOf(own), organization, location };
    return storeRange(range, own, again);
  };
  const choices = categories().map(([category, text]) => button(text, () => tag(category), { "aria-pressed": category === own?.category }));
  const apply = button("Apply to stored activities", () => change(() => api.enrichAgain(mine), again, "Applied to its stored activities"));
  const remove = button("Remove", () => change(() => api.deleteRange(own._id), again, "Removed"), { class: "bare" });
  return h(".row.wrap", choices, own && [apply, remove]);
}
