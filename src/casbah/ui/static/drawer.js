// One activity: a summary sentence, its fields, similar activities, insights, feedback, and the record as a tree.

import * as api from "./api.js";
import { actionOf, addressOf, countryOf, objectsOf, sentenceOf, short, userOf } from "./columns.js";
import { copy, h, put, toast } from "./dom.js";
import { failure } from "./failure.js";
import { insights } from "./insights.js";
import { label, opposite, valueLabel } from "./language.js";
import { isNested, stringify } from "./json.js";
import { address, entityAddress, go, here, withValue } from "./place.js";
import { proofButton } from "./proof.js";
import { sentenceNodes } from "./sentence.js";
import { tree } from "./tree.js";
import { cut } from "./visible.js";
import { moment } from "./words.js";

const HOUR = 3_600_000;
const AROUND = 48 * HOUR;
const MAX_OBJECTS = 20;

/** The drawer; `show(record)` draws one, `show(null)` closes it. */
export function activityDrawer({ mayProve }) {
  const node = h("section", { class: "drawer", "aria-label": "Activity", tabindex: "-1", hidden: true });
  const latest = new api.Latest();
  const close = () => go({ open: null });
  const show = (record) => {
    const signal = latest.begin();
    node.hidden = record === null;
    if (record === null) return void put(node);
    put(node, whole(record, close, signal, mayProve));
    node.scrollTop = 0;
  };
  const showFailure = (error, retry) => {
    latest.begin();
    node.hidden = false;
    put(node, h("div", { class: "row" }, h("div", { class: "grow" }, failure(error, retry)), closer(close)));
  };
  return { node, show, showFailure };
}

const closer = (close) => h("button", { class: "bare", "aria-label": "Close the activity", onclick: close }, "×");

function whole(record, close, signal, mayProve) {
  const [user, ip, at] = [userOf(record), addressOf(record), Number(record.timestamp)];
  return [
    h("div", { class: "row drawer-head" }, h("h2", { class: "grow" }, short(sentenceOf(record)) || "Activity"), closer(close)),
    sentence(record, signal),
    copies(record, mayProve),
    around(record, at),
    facts(record),
    changes(record),
    objects(record),
    insights({ user, ip, at }, signal),
    feedback(record, signal),
    h("section", { "aria-label": "Record" }, h("h3", {}, "Record"), tree(record)),
  ];
}

/** Who did what to what, in which app, from where, as the server puts it; and when. */
function sentence(record, signal) {
  const box = h("div", {}, h("p", { class: "quiet" }, "…"));
  const load = async () => {
    const { data } = await api.sentences({ filters: { "activity.id": { eq: [record._id] } }, limit: 1 }, { signal });
    const pieces = data[0]?.pieces ?? [];
    put(box, h("p", { class: "sentence" }, sentenceNodes(pieces), h("span", { class: "quiet" }, " · ", moment(record.timestamp))));
  };
  const start = () => load().catch((error) => api.isAborted(error) || put(box, failure(error, start)));
  start();
  return box;
}

function copies(record, mayProve) {
  const path = api.recordFile(record._id);
  return h(
    "div",
    { class: "row wrap" },
    h("button", { onclick: () => copy(stringify(record, 2), "JSON") }, "Copy JSON"),
    h("button", { onclick: () => copy(`curl -s -H "Authorization: Token $TOKEN" '${location.origin}${path.replaceAll("'", "%27")}'`, "curl") }, "Copy curl"),
    h("button", { onclick: () => copy(location.origin + address({ ...here(), open: record._id }), "Link") }, "Copy link"),
    mayProve && proofButton(record._id),
  );
}

/** Links to similar activities within 48 hours before and after. */
function around(record, at) {
  if (!Number.isFinite(at)) return null;
  const date = { range: [{ start: at - AROUND, end: at + AROUND }] };
  const alike = [
    ["user", "user.username", userOf(record)],
    ["IP address", "ip.address", addressOf(record)],
    ["activity", "actionType", actionOf(record)],
    ["country", "location.country", countryOf(record)],
  ].filter(([, , value]) => value);
  if (!alike.length) return null;
  const links = alike.map(([name, filter, value]) => h("a", { class: "button", href: address({ filters: { [filter]: { eq: [value] }, date } }) }, `Same ${name}`));
  return h("div", { class: "row wrap" }, h("span", { class: "quiet" }, "Within 48 hours:"), links);
}

const list = (value) => (Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]);

/** The fields that people look for, with the filter for each. */
const FACTS = [
  ["Who", [
    ["user.username", (r) => userOf(r)],
    ["user.orgUnit", (r) => r.user?.orgUnit],
    ["user.tags", (r) => r.user?.userTags],
    ["entity", (r) => r.resolvedActor?.id],
    ["activity.type", (r) => r.isAdminOperation],
    ["activity.impersonated", (r) => r.isImpersonated],
    ["session", (r) => [r.session, ...list(r.sessionIds)].filter(Boolean)],
  ]],
  ["What", [
    ["service", (r) => r.appId ?? r.saasId],
    ["instance", (r) => r.instanceId],
    ["actionType", (r) => actionOf(r)],
    ["verb", (r) => r.verb],
    ["activity.eventActionType", (r) => r.eventTypeName],
    ["activity.takenAction", (r) => r.takenActions],
    ["policy", (r) => r.policies],
    ["activity.alertId", (r) => r.alertIds],
    ["source", (r) => (r.source === undefined || r.source === null ? null : `t:${r.source}`)],
    ["activity.id", (r) => r._id],
  ]],
  ["Where", [
    ["ip.address", (r) => [addressOf(r), ...list(r.internals?.otherIPs)].filter(Boolean)],
    ["ip.category", (r) => r.location?.category],
    ["ip.tags", (r) => r.location?.ipTags],
    ["location.country", (r) => countryOf(r)],
    ["location.organizations", (r) => r.location?.organizationSearchable],
    ["device.type", (r) => r.userAgent?.deviceType],
    ["device.tags", (r) => r.device?.tags],
    ["userAgent.tags", (r) => r.userAgent?.tags],
    ["userAgent.userAgent", (r) => r.device?.userAgent],
  ]],
];

function facts(record) {
  const names = new Map(objectsOf(record).filter((object) => isNested(object) && object.name).map((object) => [String(object.id), object.name]));
  return FACTS.map(([title, rows]) => {
    const shown = rows.flatMap(([filter, read]) => list(read(record)).filter((value) => value !== "" && value !== null && !isNested(value)).map((value) => fact(filter, value, names.get(String(value)))));
    return shown.length > 0 && h("section", { "aria-label": title }, h("h3", {}, title), h("dl", { class: "facts" }, shown));
  });
}

/** A field's value with its actions; `name` is what the activity calls an object with this id, such as a group. */
function fact(filter, value, name) {
  const shown = short(valueLabel(filter, value));
  const known = name && short(name) !== shown && [short(name), " "];
  const href = entityAddress(filter, value);
  const text = href ? h("a", { href }, shown) : shown;
  return [h("dt", {}, label(filter)), h("dd", {}, h("span", { class: "grow break" }, known, known ? h("span", { class: "quiet" }, text) : text), actions(filter, value))];
}

/** Add to the filter, and exclude. */
function actions(filter, value) {
  const operator = filter === "userAgent.userAgent" ? "contains" : "eq";
  const filters = () => here().filters;
  const name = [label(filter), " ", cut(valueLabel(filter, value), 80)];
  return h(
    "span",
    { class: "actions" },
    h("button", { class: "bare", title: "Add to the filter", "aria-label": ["Filter by ", name], onclick: () => go({ filters: withValue(filters(), filter, operator, value) }) }, "+"),
    h("button", { class: "bare", title: "Exclude", "aria-label": ["Exclude ", name], onclick: () => go({ filters: withValue(filters(), filter, opposite(operator), value) }) }, "−"),
  );
}

/** The parts that objects have in an activity, in the order of the list; objects of older records have none. */
const PARTS = ["target", "file", "folder", "mail", "rule", "role", "group", "permission", "address", "application", "actor"];
const place = (object) => (PARTS.indexOf(object.part) + 1 || PARTS.length + 1);

/** Objects with an id, by part: of those with one name in a part, such as the several accounts of a person, the first. */
function distinct(record) {
  const known = new Map();
  for (const object of objectsOf(record)) {
    if (!isNested(object) || object.id === undefined || object.id === null) continue;
    const key = stringify([object.part, object.part ? object.name : object.id]);
    if (!known.has(key)) known.set(key, object);
  }
  return [...known.values()].sort((one, other) => place(one) - place(other));
}

function changes(record) {
  const all = list(record.changes).filter(isNested);
  if (!all.length) return null;
  const value = (change, key) => h("td", { class: "break" }, change[key] === undefined ? h("span", { class: "quiet" }, "not stated") : short(change[key]));
  const rows = all.slice(0, MAX_OBJECTS).map((change) => h("tr", {}, h("th", { scope: "row", class: "break" }, short(change.name)), value(change, "old"), value(change, "new")));
  const head = h("tr", {}, ["Property", "Old", "New"].map((title) => h("th", { scope: "col" }, title)));
  const rest = all.length > MAX_OBJECTS && h("p", { class: "quiet" }, `and ${all.length - MAX_OBJECTS} more, in the record`);
  return h("section", { "aria-label": "Changes" }, h("h3", {}, `Changes (${all.length})`), h("table", { class: "changes" }, h("thead", {}, head), h("tbody", {}, rows)), rest);
}

function objects(record) {
  const all = distinct(record);
  if (!all.length) return null;
  const items = all.slice(0, MAX_OBJECTS).map((object) =>
    h(
      "li",
      {},
      h("span", { class: "grow break" }, object.part && [h("b", {}, short(object.part)), " "], short(object.name ?? object.id), " ", h("span", { class: "quiet" }, short(object.serviceObjectType ?? object.type ?? ""))),
      isNested(object.id) ? null : actions("activityObject", object.id),
    ),
  );
  const rest = all.length > MAX_OBJECTS && h("li", { class: "quiet" }, `and ${all.length - MAX_OBJECTS} more, in the record`);
  return h("section", { "aria-label": "Objects" }, h("h3", {}, `Objects (${all.length})`), h("ul", { class: "objects" }, items, rest));
}

function feedback(record, signal) {
  const entries = h("ul", { class: "feedback" });
  const load = async () => {
    const { data } = await api.feedbackOn(record._id, { signal });
    put(entries, data.map((entry) => h("li", { class: "break" }, h("b", {}, short(entry.who)), ` ${moment(entry.at)}: `, short([entry.feedback, entry.feedbackValue, entry.feedbackText].filter(Boolean).join(" · ")))));
  };
  const text = h("textarea", { rows: 2, "aria-label": "Feedback", placeholder: "What do you know about this activity?" });
  const send = async (event) => {
    event.preventDefault();
    if (!text.value.trim()) return text.focus();
    try {
      await api.giveFeedback(record._id, { feedbackText: text.value.trim() });
      text.value = "";
      await load();
      toast("Feedback saved");
    } catch (error) {
      toast(error.message, "bad");
    }
  };
  const start = () => load().catch((error) => api.isAborted(error) || put(entries, h("li", {}, failure(error, start))));
  start();
  return h("section", { "aria-label": "Feedback" }, h("h3", {}, "Feedback"), entries, h("form", { onsubmit: send }, text, h("div", { class: "row end" }, h("button", {}, "Give feedback"))));
}
