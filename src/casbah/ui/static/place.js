// Where one is: every state of the log is a URL, and a URL is a state.

import { isNested, parse, stringify } from "./json.js";

const listeners = new Set();

/** The state that the address says: filters, order, what the histogram is divided by, and the activity that is open. */
export function here() {
  const asked = new URLSearchParams(location.search);
  return {
    filters: parsed(asked.get("filters")),
    sort: asked.get("sort") === "created" ? "created" : "date",
    direction: asked.get("direction") === "asc" ? "asc" : "desc",
    by: asked.get("by") ?? "service",
    open: asked.get("open"),
  };
}

function parsed(text) {
  try {
    const filters = parse(text ?? "{}");
    return isNested(filters) && !Array.isArray(filters) ? filters : {};
  } catch {
    return {};
  }
}

/** The address of a state of the log. */
export function address({ filters = {}, sort = "date", direction = "desc", by = "service", open = null } = {}) {
  const asked = new URLSearchParams();
  if (Object.keys(filters).length) asked.set("filters", stringify(filters));
  if (sort !== "date") asked.set("sort", sort);
  if (direction !== "desc") asked.set("direction", direction);
  if (by !== "service") asked.set("by", by);
  if (open) asked.set("open", open);
  const text = asked.toString();
  return text ? `/?${text}` : "/";
}

/** Go to a changed state; `replace` leaves no trace in the history. */
export function go(changes, { replace = false } = {}) {
  const target = address({ ...here(), ...changes });
  if (target === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", target);
  tell();
}

/** Call `run` whenever the address has changed. */
export function onMove(run) {
  listeners.add(run);
}

/** Follow a link within the pages without loading them anew. */
export function follow(event) {
  const link = event.target.closest?.("a[href]");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || event.defaultPrevented || link.target || link.origin !== location.origin || link.hash) return;
  if (link.pathname.startsWith("/docs") || link.pathname.startsWith("/openapi") || link.hasAttribute("download")) return;
  event.preventDefault();
  if (link.href !== location.href) history.pushState(null, "", link.href);
  tell();
}

function tell() {
  for (const run of listeners) run();
}

addEventListener("popstate", tell);

// --- Filters as values ---------------------------------------------------------------------------------------------------

const listed = (given) => (Array.isArray(given) ? given : [given]);
/** What values have in common that the server compares as the same. */
export const comparable = (value) => stringify(value).toLowerCase();


/** `filters` with one operator of one filter set, or without it where there are no values. */
export function withCondition(filters, name, operator, values) {
  const { [operator]: _, ...others } = filters[name] ?? {};
  const operators = values === null ? others : { ...others, [operator]: values };
  const { [name]: __, ...rest } = filters;
  return Object.keys(operators).length ? { ...filters, [name]: operators } : rest;
}

/** `filters` with one value more behind an operator. */
export function withValue(filters, name, operator, value) {
  const there = filters[name]?.[operator];
  const values = there === undefined ? [] : listed(there);
  return values.some((each) => comparable(each) === comparable(value)) ? filters : withCondition(filters, name, operator, [...values, value]);
}

/** `filters` without a filter. */
export function without(filters, name) {
  const { [name]: _, ...rest } = filters;
  return rest;
}

/** `filters` with moments in place of "N days ago", so that the window stays while one looks at it. */
export function frozen(filters, now) {
  const day = 86_400_000;
  return Object.fromEntries(
    Object.entries(filters).map(([name, operators]) => {
      const { gte_ndays: least, lte_ndays: most, ...others } = operators ?? {};
      const range = [];
      if (least !== undefined) range.push({ start: Math.min(...listed(least).map((days) => now - Math.trunc(days * day))) });
      if (most !== undefined) range.push({ end: Math.max(...listed(most).map((days) => now - Math.trunc(days * day))) });
      const [first, second] = range;
      const bounds = { ...first, ...second };
      if (!range.length || Object.values(bounds).some((each) => !Number.isFinite(each)) || others.range) return [name, operators];
      return [name, { ...others, range: [bounds] }];
    }),
  );
}
