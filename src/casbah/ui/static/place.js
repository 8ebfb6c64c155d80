import { isNested, parse, plain, stringify } from "./json.js";

/** The first is the usual one. Periods end with the newest activity (period.js); a date filter takes their place. */
const TIMES = ["30d", "24h", "7d", "all"];
const SORTS = ["date", "created"];
const DIRECTIONS = ["desc", "asc"];

/** What the URL leaves out. */
const USUAL = { filters: "{}", time: "30d", sort: "date", direction: "desc", by: "service", open: null };

/** `by` divides the histogram; `q` is a search that is not filters yet. */
export function here() {
  const parameters = Object.fromEntries(new URLSearchParams(location.search));
  const { filters, time, sort, direction, by, open, q = null } = { ...USUAL, ...parameters };
  const among = (values, value) => (values.includes(value) ? value : values[0]);
  return { filters: parsed(filters), time: among(TIMES, time), sort: among(SORTS, sort), direction: among(DIRECTIONS, direction), by, open, q };
}

function parsed(text) {
  try {
    const filters = parse(text);
    return isNested(filters) && !Array.isArray(filters) ? filters : {};
  } catch {
    return {};
  }
}

export function address({ filters = {}, time = "all", sort, direction, by, open } = {}) {
  const state = { filters: stringify(filters), time: filters.date ? USUAL.time : time, sort, direction, by, open };
  const parameters = Object.entries(state).filter(([name, value]) => value && value !== USUAL[name]);
  return parameters.length ? `/?${new URLSearchParams(parameters)}` : "/";
}

export const KINDS = {
  users: { title: "User", filter: "user.username" },
  addresses: { title: "IP address", filter: "ip.address" },
  sessions: { title: "Session", filter: "session" },
  files: { title: "File", filter: "fileSelector" },
  apps: { title: "App", filter: "service" },
};

/** Null for values without a page. A browser resolves "." and "..", and no URL holds half a surrogate pair. */
export function entityAddress(filter, value) {
  const kind = Object.keys(KINDS).find((name) => KINDS[name].filter === filter);
  const text = plain(value);
  return kind && !["", ".", ".."].includes(text) && text.isWellFormed() ? `/${kind}/${encodeURIComponent(text)}` : null;
}

export function entityHere() {
  const [, kind, value] = location.pathname.match(/^\/([a-z]+)\/(.+)$/) ?? [];
  if (!Object.hasOwn(KINDS, kind ?? "")) return null;
  try {
    return { kind, value: decodeURIComponent(value) };
  } catch {
    return { kind, value };
  }
}

export function go(changes, options) {
  const target = address({ ...here(), ...changes });
  if (target !== location.pathname + location.search) visit(target, options);
}

export const filterBy = (filters, options) => go({ filters, open: null }, options);

/** From the top, unless it has the same rows. `zoomed` says that it is a part of the period before. */
export function visit(url, { replace = false, zoomed = false } = {}) {
  const before = rows();
  history[replace ? "replaceState" : "pushState"]({ zoomed }, "", url);
  moved();
  if (rows() !== before) scrollTo(0, 0);
}

const rows = () => stringify([location.pathname, { ...here(), open: null, by: null }]);

export function follow(event) {
  const link = event.target.closest?.("a[href]");
  const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !isPlain || event.defaultPrevented || link.target || link.origin !== location.origin || link.hash) return;
  if (/^\/(docs|openapi)/.test(link.pathname) || link.hasAttribute("download")) return;
  event.preventDefault();
  if (link.href === location.href) moved();
  else visit(link.href);
}

const moved = () => dispatchEvent(new PopStateEvent("popstate"));

export const isZoomed = () => history.state?.zoomed === true;

const GROUPS = ["all", "any", "not"];

/** [name, operator, operands] of filters, without groups. */
export const conditionsOf = (filters) =>
  Object.entries(filters)
    .filter(([name]) => !GROUPS.includes(name))
    .flatMap(([name, operators]) => Object.entries(operators ?? {}).map(([operator, operands]) => [name, operator, operands]));

/** Each group as filters of its own, and the filters that remain without it. */
export const groupsOf = (filters) =>
  GROUPS.filter((name) => name in filters).flatMap((name) => {
    const rest = without(filters, name);
    if (name !== "all") return [{ group: { [name]: filters[name] }, rest }];
    return filters.all.map((group) => {
      const all = filters.all.filter((other) => other !== group);
      return { group, rest: all.length ? { ...filters, all } : rest };
    });
  });

/** Equal for values that the server treats as equal. */
export const comparable = (value) => stringify(value).toLowerCase();

export const only = (filter, value, others) => ({ ...others, [filter]: { eq: [value] } });

/** null as values removes the operator. */
export function withCondition(filters, name, operator, values) {
  const { [operator]: _, ...others } = filters[name] ?? {};
  const operators = values === null ? others : { ...others, [operator]: values };
  return Object.keys(operators).length ? { ...filters, [name]: operators } : without(filters, name);
}

export function withValue(filters, name, operator, value) {
  const values = [filters[name]?.[operator] ?? []].flat();
  return values.some((existing) => comparable(existing) === comparable(value)) ? filters : withCondition(filters, name, operator, [...values, value]);
}

export function without(filters, name) {
  const { [name]: _, ...rest } = filters;
  return rest;
}
