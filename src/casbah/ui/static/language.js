import * as api from "./api.js";
import { isNested, plain, stringify } from "./json.js";
import { cut } from "./visible.js";

const LONGEST = 300;

const known = { filters: new Map(), operators: new Map(), names: new Map(), givenNames: new Map() };
export const folded = (value) => String(value).toLowerCase();

/** Call once, before using anything else here. */
export async function learn() {
  const [metadata, { filters, operators, data, givenNames }] = await Promise.all([api.metadata(), api.choices()]);
  const byName = (items) => new Map(items.map((item) => [item.name, item]));
  const named = (items) => new Map(items.map((item) => [item.filter, new Map(item.values.map((choice) => [folded(choice.value), choice]))]));
  const accepted = byName(metadata.filters);
  const all = filters.map((item) => ({ ...accepted.get(item.name), ...item }));
  Object.assign(known, { filters: byName(all), operators: byName(operators), names: named(data), givenNames: named(givenNames) });
}

const describe = (name) => known.filters.get(name);
const namesWhere = (test) => [...known.filters.values()].filter(test).map((item) => item.name);

export const filters = () => [...known.filters.keys()];
export const withButton = () => namesWhere((item) => item.button);
export const nameable = () => namesWhere((item) => item.nameable);

export const usualFacets = () => namesWhere((item) => item.facet !== null).sort((one, other) => describe(one).facet - describe(other).facet);

/** Values of an alias, which the server does not list, may be countable. */
export const isCountable = (name) => describe(name)?.countable ?? true;

/** The prefix of the values to count: the other values repeat these in other words. */
export const facetPrefix = (name) => describe(name)?.facetPrefix ?? "";

export const label = (name) => describe(name)?.label ?? name;
export const typeOf = (name) => describe(name)?.inputType?.type ?? "text";
export const isMoment = (name) => typeOf(name) === "ms";
export const operatorsOf = (name) => describe(name)?.operators.map((operator) => operator.id) ?? ["eq"];
export const opposite = (operator) => [...known.operators.values()].find((item) => item.complementOf === operator)?.name;

export function preferred(name) {
  const usual = { ms: "gte_ndays", words: "text" }[typeOf(name)];
  return usual ?? describe(name)?.operators.find((operator) => operator.documented)?.id ?? operatorsOf(name)[0];
}

export const choicesOf = (name) => [...(known.names.get(name)?.values() ?? [])];

export const givenNames = (name) => [...(known.givenNames.get(name)?.values() ?? [])];

export function operatorLabel(name, operator) {
  const item = known.operators.get(operator);
  return item?.labels[typeOf(name)] ?? item?.label ?? operator;
}

export function valueLabel(name, value) {
  const choice = known.names.get(name)?.get(folded(value)) ?? known.givenNames.get(name)?.get(folded(value));
  if (choice) return choice.name;
  if (value === null) return "none";
  return cut(isNested(value) ? plain(value.id) || stringify(value) : String(value), LONGEST);
}

const texts = new Map();

/** A group as a search; null until `learnGroups` has fetched it. */
export const groupText = (group) => texts.get(stringify(group)) ?? null;

export async function learnGroups(groups) {
  for (const group of groups.filter((group) => groupText(group) === null)) {
    texts.set(stringify(group), (await api.explain({ filters: group })).text);
  }
}

/** App names from records, for apps that the server's catalog does not know. */
export function learnFrom(records) {
  const apps = known.names.get("service") ?? new Map();
  known.names.set("service", apps);
  for (const { appId, appName } of records) {
    const name = cut(plain(appName), LONGEST);
    if (plain(appId) && name && !apps.has(folded(appId))) apps.set(folded(appId), { value: appId, name });
  }
}
