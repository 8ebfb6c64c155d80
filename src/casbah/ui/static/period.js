// The period of the log: its bounds, and the filters with them. Times such as `30d` end now, or with the newest activity if that is
// over a day old, so that a log of last year shows its last days; activities dated later than tomorrow do not count.

import * as api from "./api.js";
import { isNested } from "./json.js";
import { here, without } from "./place.js";
import { bare } from "./words.js";

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
 * `isPlain` if that is all that its date filter says, and `filters`, which have the period in them.
 */
export async function periodOf({ filters, time }) {
  const now = Date.now();
  const latest = await newest(now);
  const last = now - latest < DAY ? Math.max(now, latest) : latest;
  const usual = time === "all" ? { start: null, end: null } : { start: Math.min(now, last) - LENGTHS[time], end: now + DAY };
  const period = filters.date ? bounds(filters.date, now) : { ...usual, isPlain: true };
  return { ...period, last, filters: ofOthers(period.isPlain ? within(filters, period.start, period.end) : filters) };
}

/** `filters`; if they have nothing but a date, without Casbah's own acts, which have a page of their own. */
export const ofOthers = (filters) => (Object.keys(without(filters, "date")).length ? filters : { ...WITHOUT_OWN_ACTS, ...filters });

/** A usual time as a search says it, such as `since:30d`; nothing for all time. */
export async function since(time) {
  const { start, last } = await periodOf({ filters: {}, time });
  return start === null ? "" : `since:${last < Date.now() - DAY ? bare(start).slice(0, 16).replace(" ", "T") : time}`;
}

/** `filters` within two bounds in ms instead of their date; either may be null. */
function within(filters, start, end) {
  const range = Object.fromEntries(Object.entries({ start, end }).filter(([, ms]) => ms !== null));
  const rest = without(filters, "date");
  return Object.keys(range).length ? { ...rest, date: { range: [range] } } : rest;
}

/** The bounds of a period on a chart: up to the newest activity at most. */
export const ends = ({ start, end, last }) => [start, start === null && end === null ? null : Math.min(end ?? Infinity, Math.max(last, start ?? last))];

const single = (operands) => (Array.isArray(operands) ? (operands.length === 1 ? operands[0] : undefined) : operands);

const bound = (ms) => (ms === null || ms === undefined ? null : Number(ms));
const BOUNDS = {
  range: (range) => (isNested(range) ? [bound(range.start), bound(range.end)] : []),
  eq: (ms) => [bound(ms), bound(ms)],
  gt: (ms) => [bound(ms) + 1, null],
  gte: (ms) => [bound(ms), null],
  lt: (ms) => [null, bound(ms) - 1],
  lte: (ms) => [null, bound(ms)],
  gte_ndays: (days, now) => [Math.trunc(now - days * DAY), null],
  lte_ndays: (days, now) => [null, Math.trunc(now - days * DAY)],
};

/** The bounds of a date filter that is one span, of however many conditions; none of any other. */
function bounds(date, now) {
  const spans = Object.entries(date).map(([operator, operands]) => BOUNDS[operator]?.(single(operands) ?? NaN, now) ?? []);
  const all = (side) => spans.map((span) => span[side]).filter((ms) => ms !== null);
  const [start, end] = [Math.max(...all(0)), Math.min(...all(1))].map((ms) => (Math.abs(ms) === Infinity ? null : ms));
  const isPlain = ![start, end].some(Number.isNaN) && (start === null || end === null || start <= end);
  return isPlain ? { start, end, isPlain } : { start: null, end: null, isPlain };
}

/** Whether a search has a time, which takes the place of the period shown. */
export const isTimed = (text) => /(^|[\s(-])(since|until|date):/i.test(text.replace(/"[^"]*"/g, ""));

/** `filters` within the period that is shown, unless they have a date of their own. */
export async function inPeriod(filters) {
  if (filters.date) return filters;
  return within(filters, ...ends(await periodOf({ ...here(), filters })));
}

/** The state for one of the times of place.js. */
export const atTime = (time) => ({ time, filters: without(here().filters, "date"), open: null });

/** The state for two bounds in ms, either of which may be null. */
export const between = (start, end) => ({ filters: within(here().filters, start, end), time: "all", open: null });
