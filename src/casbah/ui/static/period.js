// The period of the log: its bounds, and the filters with them. Times such as `30d` end now, or with the newest activity if that is
// over a day old, so that a log of last year shows its last days; activities dated later than tomorrow do not count.

import * as api from "./api.js";
import { here, without } from "./place.js";
import { bare } from "./words.js";

export const DAY = 86_400_000;
/** The app of Casbah's own acts. */
export const CASBAH = 900_013;
const WITHOUT_OWN_ACTS = { service: { neq: [CASBAH] } };

/**
 * The period of a state of the log: `start` and `end`, null where it has none, and those of a chart, `first` and `last`; `isPlain` if
 * that is all that its date filter says, and `filters`, which have the period in them.
 */
export const periodOf = ({ filters, time }, signal) => api.period({ filters: ofOthers(filters), time: time === "all" ? "" : time }, { signal });

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

/** Whether a search has a time, which takes the place of the period shown. */
export const isTimed = (text) => /(^|[\s(-])(since|until|date):/i.test(text.replace(/"[^"]*"/g, ""));

/** `filters` within the period that is shown, unless they have a date of their own. */
export async function inPeriod(filters) {
  if (filters.date) return filters;
  const { first, last } = await periodOf({ ...here(), filters });
  return within(filters, first, last);
}

/** The state for one of the times of place.js. */
export const atTime = (time) => ({ time, filters: without(here().filters, "date"), open: null });

/** The state for two bounds in ms, either of which may be null. */
export const between = (start, end) => ({ filters: within(here().filters, start, end), time: "all", open: null });
