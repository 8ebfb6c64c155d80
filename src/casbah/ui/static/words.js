import { isNested, plain } from "./json.js";
import { groupText, isMoment, label, operatorLabel, valueLabel } from "./language.js";
import { conditionsOf, groupsOf } from "./place.js";

const MANY = 3;
const number = new Intl.NumberFormat("en-US");

export const counted = (value) => number.format(value);
export const plural = (value, one, many = `${one}s`) => `${counted(value)} ${value === 1 ? one : many}`;
export const many = (label) => (label.endsWith("s") && !label.endsWith("ss") ? label : `${label.replace(/y$/, "ie").replace(/ss$/, "sse")}s`);
export const activities = (total) => plural(total, "activity", "activities");

export const isLocal = () => localStorage.getItem("zone") === "local";
export const zoneName = () => (isLocal() ? Intl.DateTimeFormat().resolvedOptions().timeZone : "UTC");
export const setLocal = (local) => localStorage.setItem("zone", local ? "local" : "UTC");

export function zoneAt(ms) {
  if (!isLocal()) return "UTC";
  return new Date(Number(ms)).toLocaleDateString("en-US", { timeZoneName: "short" }).split(", ")[1];
}

export const moment = (ms) => (isWhen(ms) ? `${bare(ms)} ${zoneAt(ms)}` : bare(ms));

/** Without the zone, where that is shown once for all. */
export function bare(ms) {
  if (!isWhen(ms)) return plain(ms);
  const at = new Date(Number(ms));
  // Sweden writes times as ISO 8601 does; with options it would take a hundred times as long.
  return isLocal() ? at.toLocaleString("sv-SE") : at.toISOString().replace("T", " ").split(".")[0];
}

export function spanStart(ms, width) {
  if (width >= 86_400_000) return bare(ms).slice(0, 10);
  return width >= 60_000 ? `${bare(ms).slice(0, 16)} ${zoneAt(ms)}` : moment(ms);
}

const isWhen = (ms) => plain(ms) !== "" && !Number.isNaN(new Date(Number(ms)).getTime());

export const toInput = (ms) => (isWhen(ms) ? bare(ms).replace(" ", "T") : "");
export function fromInput(text) {
  if (!text) return null;
  const ms = Date.parse(isLocal() ? text : `${text}Z`);
  return Number.isNaN(ms) ? null : ms;
}

/** A list of texts, as each keeps its own direction. */
export const listed = (texts, last = ", ") =>
  texts.flatMap((text, position) => (position === 0 ? [text] : [position === texts.length - 1 ? last : ", ", text]));

/** City and country, where they are known. */
export const placeName = (at) => [plain(at?.city), plain(at?.countryCode) && valueLabel("location.country", at.countryCode)].filter(Boolean);

/** [filter, operator, values], the values as a list of texts. */
export function condition(name, operator, operands) {
  const values = [operands].flat();
  const plainly = (how) => [label(name), how, []];
  if (operator === "isset" || operator === "isnotset") {
    const denied = values.every((value) => String(value).toLowerCase() === "false");
    return plainly(operatorLabel(name, denied ? { isset: "isnotset", isnotset: "isset" }[operator] : operator));
  }
  if (operator === "gte_ndays") return plainly(values.length ? `in the last ${duration(values[0])}` : "never");
  if (operator === "lte_ndays") return plainly(values.length ? `more than ${duration(values[0])} ago` : "never");
  const words = values.map((value) => operandText(name, operator, value));
  const shown = words.length > MANY ? [...words.slice(0, MANY - 1), `${words.length - MANY + 1} others`] : words;
  return [label(name), operatorLabel(name, operator), shown.length ? listed(shown, " or ") : ["nothing"]];
}

function operandText(name, operator, value) {
  if (operator === "range" && isNested(value)) {
    const end = (bound) => (isMoment(name) ? moment(bound ?? "…") : plain(bound ?? "…"));
    return `${end(value.start)} and ${end(value.end)}`;
  }
  if (isMoment(name)) return moment(value);
  if (isNested(value) && "role" in value) return value.role == 1 ? "(acted on)" : "(either)";
  return valueLabel(name, value);
}

function duration(days) {
  const value = Number(days);
  if (value === 1) return "24 hours";
  return value > 0 && value < 2 ? plural(Math.round(value * 24), "hour") : plural(value, "day");
}

export function sentence(filters) {
  const plain = conditionsOf(filters).map((one) => {
    const [what, how, values] = condition(...one);
    return [what, " ", how, values.length > 0 ? " " : "", ...values];
  });
  const all = [...plain, ...groupsOf(filters).map(({ group }) => [groupText(group) ?? "more"])];
  return all.length ? all.flatMap((words, position) => [position === 0 ? "Activities where " : ", and ", ...words]) : ["All activities"];
}
