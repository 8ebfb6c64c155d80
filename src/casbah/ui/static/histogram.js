// Activities over time: bars broken down by the values of a filter. Dragging over a range, or clicking a bar, sets the date
// filter. What lies before or after the bars is counted at the edges.

import * as api from "./api.js";
import { roundUp, ticks } from "./axis.js";
import { h, put, svgTitle } from "./dom.js";
import { facetPrefix, label, valueLabel } from "./language.js";
import { atTime, between, ends } from "./period.js";
import { go, here, withCondition, withValue, without } from "./place.js";
import { counted, plural, spanStart } from "./words.js";

const SPANS = 80;
const HEIGHT = 96;
const SERIES = 6;
const DIVISIONS = ["service", "verb", "activity.eventActionType", "location.country", "device.type", "activity.type", "user.username"];
const MIN_DRAG = 4;
const TICK_WIDTH = 100;
/** From this share of the axis on, a text is before its tick: on a phone it would not fit after it. */
const LATE = 0.82;
/** Up to this share at an end is left out of a chart without that bound if the rest needs less than half of the width. */
const OUTLYING = 0.01;
const ROUNDS = 4;

/** The histogram; `load(filters, signal, period)` fetches and draws it, `clear(content)` replaces it. */
export function histogram() {
  const legend = h("div", { class: "legend" });
  const plot = h("div", { class: "plot" });
  const edges = h("div", { class: "edges" });
  const division = h(
    "select",
    { "aria-label": "Divide the bars by", onchange: (event) => go({ by: event.target.value }, { replace: true }) },
    DIVISIONS.map((name) => h("option", { value: name }, `by ${label(name).toLowerCase()}`)),
  );
  const node = h("section", { class: "histogram", "aria-label": "Activities over time" }, plot, edges, h("div", { class: "row" }, legend, division));
  const load = async (filters, signal, period) => {
    const { by, sort } = here();
    if (!DIVISIONS.includes(by)) division.append(h("option", { value: by }, `by ${label(by).toLowerCase()}`));
    division.value = by;
    const window = await windowOf(filters, sort, period, signal);
    const result = await api.histogram({ filters, by, prefix: facetPrefix(by), series: SERIES, spans: SPANS, sortField: sort, ...window }, { signal });
    put(plot, drawn(result, sort, Math.max(2, Math.floor(plot.clientWidth / TICK_WIDTH))));
    put(legend, legendOf(result));
    put(edges, result.width && h("span", { class: "quiet" }, `each bar ${widthText(result.width)}`));
    const [earlier, later] = await Promise.all(["first", "last"].map((side) => beyond(side, window[side], filters, sort, period, signal)));
    edges.prepend(earlier);
    edges.append(later);
  };
  const clear = (content) => {
    put(plot, content);
    for (const part of [legend, edges]) put(part);
  };
  return { node, load, clear };
}

/** The `first` and `last` ms of the chart: the period, or, where that has no bound, without outliers. */
async function windowOf(filters, sort, period, signal) {
  if (sort !== "date") return {};
  const [first, last] = period.start === null && period.end === null ? [null, null] : ends(period);
  const fixed = { ...(first !== null && { first }), ...(last !== null && { last }) };
  let window = fixed;
  for (let round = 0; round < ROUNDS && (first === null || last === null); round++) {
    const smaller = { ...inner(await api.histogram({ filters, spans: SPANS, ...window }, { signal })), ...fixed };
    if (!("first" in smaller && "last" in smaller)) break;
    window = smaller;
  }
  return window;
}

/** Where all but outliers are; nothing if that is not less than half of a chart. */
function inner({ first, last, width, total, spans }) {
  const kept = (all) => {
    let outside = 0;
    return all.find((span) => (outside += span.total) > total * OUTLYING);
  };
  const [low, high] = [kept(spans), kept(spans.toReversed())];
  if (!low) return {};
  const bounds = { first: Math.max(low.start, first), last: Math.min(high.start + width - 1, last) };
  return (bounds.last - bounds.first) * 2 < last - first ? bounds : {};
}

/** How many activities are before or after the chart. A click shows them: all time if they are not in the period. */
async function beyond(side, bound, filters, sort, period, signal) {
  const isEarlier = side === "first";
  if (bound === undefined) return h("span", {});
  const others = period.isPlain ? without(filters, "date") : filters;
  const outside = { ...others, all: [...(others.all ?? []), { [sort]: { [isEarlier ? "lt" : "gt"]: bound } }] };
  const { total } = await api.list({ filters: outside, limit: 1 }, { signal });
  if (!total) return h("span", {});
  const isOther = (isEarlier ? period.start : period.end) !== null;
  const target = isOther ? atTime("all") : isEarlier ? between(null, bound - 1) : between(bound + 1, null);
  const title = isOther ? "Not in this period; show all time" : "Show them";
  return h("button", { class: "bare edge", title, onclick: () => go(target) }, isEarlier && "‹ ", `${counted(total)} ${isEarlier ? "earlier" : "later"}`, !isEarlier && " ›");
}

function drawn(result, sort, most) {
  if (!result.spans.length) return h("p", { class: "quiet empty" }, "No activity in this period.");
  const { width } = result;
  const begin = result.spans[0].start - Math.max(0, Math.ceil((result.spans[0].start - result.first) / width)) * width;
  const spans = Math.max(Math.floor((result.last - begin) / width), Math.round((result.spans.at(-1).start - begin) / width)) + 1;
  const high = Math.max(...result.spans.map((span) => span.total));
  const top = roundUp(high);
  const stacks = new Map(result.spans.map((span) => [span.start, { total: span.total, parts: [] }]));
  [...result.series, result.rest].forEach((series, position) => {
    for (const { start, total } of series.spans) stacks.get(start)?.parts.push([position < result.series.length ? position : "rest", total]);
  });
  const bars = [...stacks].map(([start, { total, parts }]) => bar(start, total, parts, { begin, width, spans, top }));
  const brush = h("rect", { class: "brush", y: 0, height: HEIGHT, x: 0, width: 0 });
  const sum = `${plural(result.total, "activity", "activities")} from ${spanStart(result.first, width)} to ${spanStart(result.last, width)}; at most ${counted(high)} in one bar`;
  const svg = h(
    "svg",
    { viewBox: `0 0 ${spans} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": sum, height: HEIGHT },
    bars,
    brush,
  );
  brushing(svg, brush, { begin, width, spans, sort });
  return [heights(top), svg, axis(begin, begin + spans * width, most)];
}

/** The lines of the full and the half height, with their numbers. */
function heights(top) {
  const shown = top > 1 ? [[0, top], [HEIGHT / 2, top / 2]] : [[0, top]];
  return shown.map(([y, value]) => {
    const line = h("div", { class: "height", "aria-hidden": "true" }, h("span", {}, counted(value)));
    line.style.top = `${y}px`;
    return line;
  });
}

/** Ticks below the bars. */
function axis(first, last, most) {
  const marks = ticks(first, last, most).map(({ ms, text }) => {
    const mark = h("span", { class: "tick" }, text);
    const share = (ms - first) / (last - first);
    mark.style.left = `${100 * share}%`;
    if (share > LATE) mark.classList.add("at-end");
    return mark;
  });
  return h("div", { class: "axis", "aria-hidden": "true" }, marks);
}

function bar(start, total, parts, { begin, width, spans, top }) {
  const at = Math.round((start - begin) / width);
  const sum = parts.reduce((all, [, value]) => all + value, 0) || 1;
  let below = 0;
  // A bar has a visible minimum height. Where values overlap, their shares make up the bar.
  const tall = Math.max((total / top) * HEIGHT, 1.5);
  const gap = spans > 200 ? 0 : 0.12;
  const pieces = parts.map(([series, value]) => {
    const high = (value / sum) * tall;
    below += high;
    return h("rect", { class: `series-${series}`, x: at + gap / 2, width: 1 - gap, y: HEIGHT - below, height: high });
  });
  const group = h("g", {}, h("rect", { class: "hit", x: at, width: 1, y: 0, height: HEIGHT }), pieces);
  group.append(svgTitle(`${spanStart(start, width)}: ${plural(total, "activity", "activities")}`));
  return group;
}

/** Dragging over the bars, or clicking one, sets the date filter. */
function brushing(svg, brush, { begin, width, spans, sort }) {
  let from = null;
  const at = (event) => {
    const box = svg.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * spans;
  };
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = { x: event.clientX, at: at(event) };
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const [low, high] = [from.at, at(event)].sort((one, other) => one - other);
    brush.setAttribute("x", low);
    brush.setAttribute("width", high - low);
  });
  svg.addEventListener("pointercancel", () => {
    from = null;
    brush.setAttribute("width", 0);
  });
  svg.addEventListener("pointerup", (event) => {
    if (from === null) return;
    const dragged = Math.abs(event.clientX - from.x) >= MIN_DRAG;
    const [low, high] = [from.at, at(event)].sort((one, other) => one - other);
    from = null;
    const first = Math.min(Math.floor(low), spans - 1);
    const last = dragged ? Math.min(Math.ceil(high), spans) : first + 1;
    narrow(sort, begin + first * width, begin + last * width - 1);
  });
}

function narrow(name, start, end) {
  const narrowed = { filters: withCondition(without(here().filters, name), name, "range", [{ start, end }]), open: null };
  go(name === "date" ? between(start, end) : narrowed, { zoomed: true });
}

function legendOf(result) {
  const swatch = (series) => h("span", { class: `swatch series-${series}`, "aria-hidden": "true" });
  const named = result.series.map((series, position) =>
    h(
      "button",
      { class: "bare key", title: "Filter by it", onclick: () => go({ filters: withValue(here().filters, result.by, "eq", series.value), open: null }) },
      swatch(position),
      h("span", { class: "cut" }, valueLabel(result.by, series.value)),
      " ",
      h("span", { class: "quiet" }, counted(series.total)),
    ),
  );
  const rest = result.rest.total > 0 && h("span", { class: "key" }, swatch("rest"), "other values ", h("span", { class: "quiet" }, counted(result.rest.total)));
  return [named, rest];
}

const UNITS = [["week", 604_800_000], ["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000], ["second", 1_000]];

/** The width of a bar in words. */
function widthText(width) {
  const [unit, ms] = UNITS.find(([, length]) => width >= length && width % length === 0) ?? ["ms", 1];
  return width === ms ? `a ${unit}`.replace("a hour", "an hour") : plural(width / ms, unit, `${unit}s`);
}
