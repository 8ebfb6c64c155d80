// Display names of filters and operators. The server says which exist and which operators a filter takes.

import * as api from "./api.js";
import { isNested, stringify } from "./json.js";
import { cut } from "./visible.js";

/** Display names of filters, in the order of the menu, most used first. */
export const LABELS = {
  "service": "App",
  "user.username": "User",
  "ip.address": "IP address",
  "actionType": "Activity",
  "location.country": "Country",
  "date": "Date",
  "activity.eventActionType": "Activity type",
  "activity.type": "Administrative activity",
  "activity.impersonated": "Impersonated activity",
  "activity.takenAction": "Action taken",
  "activityObject": "Activity object",
  "activity.alertId": "Alert",
  "activity.id": "Activity ID",
  "text": "Free text",
  "fileSelector": "File or folder",
  "fileId": "File ID",
  "fileLabels": "File labels",
  "office365url": "Microsoft 365 URL",
  "user.domain": "User domain",
  "user.orgUnit": "Organizational unit",
  "user.tags": "User groups",
  "entity": "Entity",
  "device.type": "Device type",
  "device.tags": "Device tags",
  "userAgent.userAgent": "User agent",
  "userAgent.tags": "User agent tags",
  "ip.category": "IP category",
  "ip.tags": "IP tags",
  "location.organizations": "Registered ISP",
  "instance": "App instance",
  "policy": "Matched policy",
  "source": "Source",
  "created": "Stored",
};

export const BASIC = ["service", "user.username", "ip.address", "actionType", "location.country", "date"];

/** Display names of operators, between a filter and its values. */
export const OPERATORS = {
  eq: "is",
  neq: "is not",
  deq: "has a value other than",
  contains: "contains",
  ncontains: "does not contain",
  startswith: "begins with",
  doesnotstartwith: "does not begin with",
  startswithsingle: "begins with",
  endswith: "ends with",
  descendantof: "is under",
  ndescendantof: "is not under",
  text: "has the words",
  isset: "is known",
  isnotset: "is not known",
  gt: "is more than",
  gte: "is at least",
  lt: "is less than",
  lte: "is at most",
  range: "is between",
  gte_ndays: "in the last days",
  lte_ndays: "before the last days",
};

const OF_MOMENTS = { gt: "is after", gte: "is from", lt: "is before", lte: "is until" };
const OF_WORDS = { eq: "has the phrase", startswithsingle: "has the phrase that begins" };
const OPPOSITES = { eq: "neq", contains: "ncontains", startswith: "doesnotstartwith", descendantof: "ndescendantof" };

const LONGEST = 300;

const known = { filters: new Map(), names: new Map() };

/** Load filters and choices from the server. Call once, before using anything else here. */
export async function learn() {
  const [metadata, choices] = await Promise.all([api.metadata(), api.choices()]);
  known.filters = new Map(
    metadata.filters.map((item) => [item.name, { type: item.inputType.type, operators: item.operators }]),
  );
  known.names = new Map(choices.data.map((item) => [item.filter, new Map(item.values.map((choice) => [key(choice.value), choice]))]));
}

const key = (value) => (value === null ? "null" : String(value).toLowerCase());

/** The names of the server's filters, in our order. */
export const filters = () => {
  const ours = Object.keys(LABELS).filter((name) => known.filters.has(name));
  return [...ours, ...[...known.filters.keys()].filter((name) => !(name in LABELS))];
};

export const label = (name) => LABELS[name] ?? name;
export const typeOf = (name) => known.filters.get(name)?.type ?? "text";
export const operatorsOf = (name) => known.filters.get(name)?.operators.map((operator) => operator.id) ?? ["eq"];

/** The default operator: days for dates, words for free text, else the filter's first documented one. */
export function preferred(name) {
  const usual = { ms: "gte_ndays", words: "text" }[typeOf(name)];
  return usual ?? known.filters.get(name)?.operators.find((operator) => operator.documented)?.id ?? operatorsOf(name)[0];
}

export const opposite = (operator) => OPPOSITES[operator];
export const isMoment = (name) => typeOf(name) === "ms";

/** The choices of a filter whose values have names: [{value, name}], else []. */
export const choicesOf = (name) => [...(known.names.get(name)?.values() ?? [])];

/** The display name of an operator of a filter. */
export function operatorLabel(name, operator) {
  const type = typeOf(name);
  if (type === "ms" && operator in OF_MOMENTS) return OF_MOMENTS[operator];
  if (type === "words" && operator in OF_WORDS) return OF_WORDS[operator];
  return OPERATORS[operator] ?? operator;
}

/** The display name of a value, truncated. */
export function valueLabel(name, value) {
  const choice = known.names.get(name)?.get(key(value));
  if (choice) return choice.name;
  if (value === null) return "none";
  return cut(isNested(value) ? String(value.id ?? stringify(value)) : String(value), LONGEST);
}

/** Remember app names from records, for apps that the server's catalogue does not know. */
export function learnFrom(records) {
  const apps = known.names.get("service") ?? new Map();
  known.names.set("service", apps);
  for (const { appId, appName } of records) {
    if (appId !== undefined && appName && !apps.has(key(appId))) apps.set(key(appId), { value: appId, name: cut(String(appName), LONGEST) });
  }
}
