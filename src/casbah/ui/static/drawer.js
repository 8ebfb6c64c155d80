import * as api from "./api.js";
import { actionOf, addressOf, countryOf, sentenceOf, short, userOf } from "./columns.js";
import { attempt, button, copy, failure, h, icon, loader, loading, onSubmit, put, template, toast } from "./dom.js";
import { insights } from "./insights.js";
import { label, opposite, valueLabel } from "./language.js";
import { isNested, plain, stringify } from "./json.js";
import { sentenceNodes, valueLink } from "./link.js";
import { DAY, within } from "./period.js";
import { address, go, here, only, withValue } from "./place.js";
import { proofButton } from "./proof.js";
import { tree } from "./tree.js";
import { cut } from "./visible.js";
import { moment } from "./words.js";

const AROUND = 2 * DAY;
const MAX_OBJECTS = 20;

export function activityDrawer({ mayProve }) {
  const node = h("section.drawer", { "aria-label": "Activity", tabindex: "-1", hidden: true });
  const begin = api.latest();
  const show = (record) => {
    const signal = begin();
    node.hidden = record === null;
    put(node, record && whole(record, signal, mayProve));
    node.scrollTop = 0;
  };
  const showFailure = (error, retry) => {
    begin();
    node.hidden = false;
    put(node, h(".row", h(".grow", failure(error, retry)), closer()));
  };
  return { node, show, showFailure };
}

const closer = () => icon("×", "Close the activity", () => go({ open: null }));

function whole(record, signal, mayProve) {
  const [user, ip, at] = [userOf(record), addressOf(record), Number(record.timestamp)];
  return [
    h(".row.drawer-head", h("h2.grow", short(sentenceOf(record)) || "Activity"), closer()),
    loading(() => summary(record, mayProve, signal), "…"),
    insights({ user, ip, at }, signal),
    feedback(record, signal),
    section("Record", tree(record)),
  ];
}

const section = (title, content, heading = title) => h("section", { "aria-label": title }, h("h3", heading), content);

async function summary(record, mayProve, signal) {
  const { data } = await api.sentences({ filters: only("activity.id", record._id), limit: 1, details: true }, { signal });
  // None if it was deleted meanwhile.
  const { pieces, facts, objects } = data[0] ?? { pieces: [], facts: [], objects: [] };
  return [
    h("p.sentence", sentenceNodes(pieces), h("span.quiet", " · ", moment(record.timestamp))),
    changes(record),
    copies(record, mayProve),
    around(record, Number(record.timestamp)),
    Object.entries(Object.groupBy(facts, ({ about }) => about)).map(([about, shown]) => section(about, h("dl.facts", shown.map(fact)))),
    things(objects),
  ];
}

function copies(record, mayProve) {
  const url = location.origin + api.recordFile(record._id).replaceAll("'", "%27");
  const link = () => location.origin + address({ ...here(), open: record._id });
  return h(
    ".row.wrap",
    button("Copy JSON", () => copy(stringify(record, 2), "JSON")),
    button("Copy curl", () => copy(`curl -s -H "Authorization: Token $TOKEN" '${url}'`, "curl")),
    button("Copy link", () => copy(link(), "Link")),
    mayProve && proofButton(record._id),
  );
}

function around(record, at) {
  if (!Number.isFinite(at)) return null;
  const link = (name, filter, value) => value && h("a.button", { href: address({ filters: within(only(filter, value), at - AROUND, at + AROUND) }) }, `Same ${name}`);
  const links = [
    link("user", "user.username", userOf(record)),
    link("IP address", "ip.address", addressOf(record)),
    link("activity", "actionType", plain(actionOf(record))),
    link("country", "location.country", countryOf(record)),
  ].filter(Boolean);
  return links.length > 0 && h(".row.wrap", h("span.quiet", "48 hours before and after:"), links);
}

/** `name` is what the activity calls an object with this id, such as a group. */
function fact({ filter, value, name }, position, all) {
  const shown = short(valueLabel(filter, value));
  const text = valueLink(filter, value, shown);
  const named = name && short(name) !== shown ? [short(name), " ", h("span.quiet", text)] : text;
  return [all[position - 1]?.filter !== filter && h("dt", label(filter)), h("dd", h("span.grow.break", named), actions(filter, value))];
}

function actions(filter, value) {
  const operator = filter === "userAgent.userAgent" ? "contains" : "eq";
  const name = [label(filter), " ", cut(valueLabel(filter, value), 80)];
  const act = (sign, title, verb, how) => icon(sign, [verb, " ", name], () => go({ filters: withValue(here().filters, filter, how, value) }), { title });
  return h("span.actions", act("+", "Add to the filter", "Filter by", operator), act("−", "Exclude", "Exclude", opposite(operator)));
}

function several(title, all, content, tag) {
  if (!all.length) return null;
  const rest = all.length > MAX_OBJECTS && h(`${tag}.quiet`, `and ${all.length - MAX_OBJECTS} more, in the record`);
  return section(title, content(all.slice(0, MAX_OBJECTS), rest), `${title} (${all.length})`);
}

function changes(record) {
  const value = (text) => ((text ?? "") === "" ? h("td.quiet", "not stated") : h("td.break", short(text)));
  const row = (change) => h("tr", h("th.break", { scope: "row" }, short(change.name)), value(change.old), value(change.new));
  const { node, rows } = template("changes");
  const table = (shown, rest) => (put(rows, shown.map(row)), [node, rest]);
  return several("Changes", [record.changes ?? []].flat().filter(isNested), table, "p");
}

function things(objects) {
  const item = ({ part, name, id, type }) => {
    const text = [part && [h("b", short(part)), " "], short(name ?? id), " ", h("span.quiet", short(type))];
    return h("li", h("span.grow.break", text), actions("activityObject", id));
  };
  return several("Objects", objects, (shown, rest) => h("ul.objects", shown.map(item), rest), "li");
}

function feedback(record, signal) {
  const entries = h("div");
  const entry = ({ who, at, feedback, feedbackValue, feedbackText }) =>
    h("li.break", h("b", short(who)), ` ${moment(at)}: `, short([feedback, feedbackValue, feedbackText].filter(Boolean).join(" · ")));
  const show = loader(entries, async () => h("ul.feedback", (await api.feedbackOn(record._id, { signal })).data.map(entry)));
  const { node, text } = template("feedback");
  const send = async () => {
    const feedbackText = text.value.trim();
    if (!feedbackText) return text.focus();
    await api.giveFeedback(record._id, { feedbackText });
    text.value = "";
    await show();
    toast("Feedback saved");
  };
  show();
  return section("Feedback", [entries, onSubmit(node, () => attempt(send))]);
}
