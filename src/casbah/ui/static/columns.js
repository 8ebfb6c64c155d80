import { isNested, plain, remembered, stringify } from "./json.js";
import { valueLabel } from "./language.js";
import { cut } from "./visible.js";
import { bare, zoneAt } from "./words.js";

const text = (value) => (isNested(value) ? stringify(value) : plain(value));
const LONGEST = 500;

export const short = (value) => cut(text(value), LONGEST);

const named = (filter, value) => (value ? valueLabel(filter, value) : "");

export const userOf = (r) => plain(r.user?.userName ?? r.failedUserData?.userName ?? r.resolvedActor?.name);
export const appOf = (r) => text(r.appName ?? (r.appId === undefined ? "" : valueLabel("service", r.appId)));
export const actionOf = (r) => r.mainInfo?.rawOperationName ?? "";
/** MDCA's words for a sign-in as ours; records keep theirs. */
const spoken = (words) =>
  words.replace(/^(failed )?log\s+on\b/i, (_, failed) => (failed ? "Failed sign-in" : "Sign-in")).replace(/^(Failed sign-in) \(Failure message: (.+)\)$/s, "$1: $2");

export const sentenceOf = (r) => spoken(text(r.description)) || text(r.mainInfo?.eventObjects?.[0]?.name) || text(actionOf(r) || r.eventTypeName);
export const addressOf = (r) => plain(r.device?.clientIP);
export const countryOf = (r) => plain(r.location?.countryCode ?? r.device?.countryCode);

const FILE_TYPES = [3, 4];
const isFile = (object) => FILE_TYPES.includes(Number(object?.objType)) || /file|folder/i.test(text(object?.serviceObjectType));
const files = (r) => [r.mainInfo?.eventObjects ?? []].flat().filter(isFile).map(({ name, id }) => name ?? id).filter(Boolean).map(text).join(", ");
const device = ({ userAgent: agent }) => {
  if (!isNested(agent)) return "";
  const system = isNested(agent.operatingSystem) ? agent.operatingSystem.name : agent.operatingSystem;
  return [named("device.type", agent.deviceType), system, agent.browser ?? agent.name].filter(Boolean).map(text).join(" · ");
};

export const isFailed = (r) => r.mainInfo?.activityResult?.isSuccess === false || r.verb === "sign-in-failed";

const withoutBadge = (r) => (isFailed(r) ? sentenceOf(r).replace(/^Failed (\p{L})/u, (_, letter) => letter.toUpperCase()) : sentenceOf(r));

const ownName = (name) => name.replace(/^Microsoft (?=\p{L})/u, "");

export function initials(name) {
  const words = ownName(name).match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.slice(0, 3).map((word) => [...word].slice(0, words.length > 1 ? 1 : 2).join("")).join("");
}

/** Apps with a color of their own; others share these. */
const DISTINCT = [20892, 20893, 11599, 15600, 11161, 11770, 28375, 12260, 10980, 900001, 11114, 900003];

export function seriesOf(filter, value, position) {
  if (filter !== "service") return position;
  const own = DISTINCT.indexOf(Number(value));
  return own < 0 ? Math.abs(value) % DISTINCT.length || 0 : own;
}

/** `full` is what `value` is short for; `first` columns are shown by default. */
export const COLUMNS = [
  { id: "time", title: "Date", moment: true, value: (r) => bare(r.timestamp), first: true },
  { id: "user", title: "User", value: (r) => named("user.username", userOf(r)), first: true },
  { id: "app", title: "App", value: (r) => ownName(appOf(r)), full: appOf, first: true },
  { id: "activity", title: "Activity", value: withoutBadge, full: sentenceOf, first: true },
  { id: "address", title: "IP address", value: (r) => named("ip.address", addressOf(r)), first: true },
  { id: "country", title: "Country", value: (r) => named("location.country", countryOf(r)), first: true },
  { id: "device", title: "Device", value: device, first: true },
  { id: "action", title: "Operation", value: actionOf },
  { id: "verb", title: "Verb", value: (r) => named("verb", text(r.verb)) },
  { id: "category", title: "Activity type", value: (r) => named("activity.eventActionType", r.eventTypeName) },
  { id: "files", title: "Files", value: files },
  { id: "isp", title: "ISP", value: (r) => text(r.location?.organizationSearchable) },
  { id: "city", title: "City", value: (r) => text(r.location?.city) },
  { id: "agent", title: "User agent", value: (r) => text(r.device?.userAgent) },
  { id: "admin", title: "Admin", value: (r) => (r.isAdminOperation === true ? "Yes" : "") },
  { id: "stored", title: "Stored", moment: true, value: (r) => bare(r.created) },
  { id: "id", title: "ID", value: (r) => text(r._id) },
];

export const titleOf = (column) => (column.moment ? `${column.title} (${zoneAt(Date.now())})` : column.title);

const KEY = "columns";

export function shown() {
  const chosen = remembered(KEY) ?? [];
  const columns = COLUMNS.filter((column) => chosen.includes(column.id));
  return columns.length ? columns : COLUMNS.filter((column) => column.first);
}

export const show = (ids) => localStorage.setItem(KEY, JSON.stringify(ids));
