// The period of the log: its bounds, and the filters with them. Times such as `30d` end with the newest activity, so that a log
// of last year shows its last days; activities dated later than tomorrow do not count, as their clocks were wrong.

import * as api from "./api.js";
import { isNested } from "./json.js";
import { frozen, here, withCondition, without } from "./place.js";

export const DAY = 86_400_000;
/** The app of Casbah's own acts. */
export const CASBAH = 900_013;
const WITHOUT_OWN_ACTS = { service: { neq: [CASBAH] } };
const LENGTHS = { "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY };
const KEPT_MS = 60_000;

let known = { at: 0, newest: null };

/** The time of the newest activity not later than tomorrow, or now if there is no activity; asked once a minute. */
async function newest(now) {
  if (now - known.at > KEPT_MS) {
    const { data } = await api.list({ filters: { ...WITHOUT_OWN_ACTS, date: { lte: now + DAY } }, limit: 1 });
    known = { at: now, newest: data.length ? Number(data[0].timestamp) : now };
  }
  return known.newest;
}

export const prepare = () => newest(Date.now());

export const forget = () => (known = { at: 0, newest: null });

/**
 * The period of a state of the log: `start` and `end`, null where it has none, `last` where a chart without an end ends;
 * `isPlain` if that is all that its date filter says, and `filters`, which have the period in them. Without other filters, Casbah's
 * own acts are left out; they have a page of their own.
 */
export async function periodOf({ filters, time }) {
  const now = Date.now();
  const isUnfiltered = Object.keys(without(filters, "date")).length === 0;
  const fixed = { ...(isUnfiltered && WITHOUT_OWN_ACTS), ...frozen(filters, now) };
  const latest = await newest(now);
  const last = now - latest < DAY ? Math.max(now, latest) : latest;
  if (filters.date) return { ...bounds(fixed.date), last, filters: fixed };
  if (time === "all") return { start: null, end: null, last, isPlain: true, filters: fixed };
  const range = { start: latest - LENGTHS[time], end: now + DAY };
  return { start: range.start, end: range.end, last, isPlain: true, filters: { ...fixed, date: { range: [range] } } };
}

/** The bounds of a period on a chart: up to the newest activity at most. */
export const ends = ({ start, end, last }) => [start, end === null ? (start === null ? null : Math.max(last, start)) : Math.min(end, Math.max(last, start ?? last))];

const single = (operands) => (Array.isArray(operands) ? (operands.length === 1 ? operands[0] : undefined) : operands);

/** The bounds of a date filter of one range or one bound; none of any other. */
function bounds(date) {
  const operators = Object.entries(date);
  const operand = operators.length === 1 ? single(operators[0][1]) : undefined;
  const read = { range: (range) => isNested(range) && [range.start, range.end], gte: (ms) => [ms, null], lte: (ms) => [null, ms] }[operators[0]?.[0]];
  const [start, end] = ((operand !== undefined && read?.(operand)) || [NaN, NaN]).map((bound) => (bound === null || bound === undefined ? null : Number(bound)));
  const isPlain = ![start, end].some(Number.isNaN);
  return isPlain ? { start, end, isPlain } : { start: null, end: null, isPlain };
}

/** `filters` within the period that is shown, unless they have a date of their own. */
export async function inPeriod(filters) {
  if (filters.date) return filters;
  const [start, end] = ends(await periodOf({ ...here(), filters }));
  return start === null ? filters : withCondition(filters, "date", "range", [{ start, end }]);
}

/** The state for one of the times of place.js. */
export const atTime = (time) => ({ time, filters: without(here().filters, "date"), open: null });

/** The state for two bounds in ms, either of which may be null. */
export function between(start, end) {
  const range = Object.fromEntries(Object.entries({ start, end }).filter(([, bound]) => bound !== null));
  const rest = without(here().filters, "date");
  return { filters: Object.keys(range).length ? withCondition(rest, "date", "range", [range]) : rest, time: "all", open: null };
}
