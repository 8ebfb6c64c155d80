// The period of the log. Times such as `30d` end now, or with the newest activity if that is over a day old.

import * as api from "./api.js";
import { here, without } from "./place.js";
import { bare } from "./words.js";

export const DAY = 86_400_000;
export const CASBAH = 900_013;
const WITHOUT_OWN_ACTS = { service: { neq: [CASBAH] } };

/** `start` and `end` or null; a chart's `first` and `last`; `isPlain` if the date says no more; `filters` with the period. */
export const periodOf = ({ filters, time }, signal) => api.period({ filters: ofOthers(filters), time: time === "all" ? "" : time }, { signal });

/** Casbah's own acts have a page of their own: without other conditions they are left out. */
export const ofOthers = (filters) => (Object.keys(without(filters, "date")).length ? filters : { ...WITHOUT_OWN_ACTS, ...filters });

/** Such as `since:30d`; nothing for all time. */
export async function since(time) {
  const { start, last } = await periodOf({ filters: {}, time });
  return start === null ? "" : `since:${last < Date.now() - DAY ? bare(start).slice(0, 16).replace(" ", "T") : time}`;
}

export const stated = (bounds) => Object.fromEntries(Object.entries(bounds).filter(([, bound]) => bound !== null));

/** Either bound, in ms, may be null. */
export function within(filters, start, end) {
  const range = stated({ start, end });
  const rest = without(filters, "date");
  return Object.keys(range).length ? { ...rest, date: { range: [range] } } : rest;
}

export const isTimed = (text) => /(^|[\s(-])(since|until|date):/i.test(text.replace(/"[^"]*"/g, ""));

export async function inPeriod(filters) {
  if (filters.date) return filters;
  const { first, last } = await periodOf({ ...here(), filters });
  return within(filters, first, last);
}

export const atTime = (time) => ({ time, filters: without(here().filters, "date"), open: null });

export const between = (start, end) => ({ filters: within(here().filters, start, end), time: "all", open: null });
