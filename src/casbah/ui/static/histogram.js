import * as api from "./api.js";
import { seriesOf } from "./columns.js";
import { button, h, put, quiet, template } from "./dom.js";
import { facetPrefix, label, valueLabel } from "./language.js";
import { atTime, between } from "./period.js";
import { filterBy, go, here, withCondition, withValue, without } from "./place.js";
import { activities, counted, plural, spanStart, zoneName } from "./words.js";

const SPANS = 80;
const HEIGHT = 96;
const SERIES = 6;
const DIVISIONS = ["service", "verb", "activity.eventActionType", "location.country", "device.type", "activity.type", "user.username"];
const MIN_DRAG = 4;
const TICK_WIDTH = 100;

export function histogram() {
  const { node, plot, edges, legend, division } = template("histogram");
  division.onchange = () => go({ by: division.value }, { replace: true });
  const offer = (by) => put(division, [...new Set([...DIVISIONS, by])].map((name) => h("option", { value: name, selected: name === by }, `by ${label(name).toLowerCase()}`)));
  offer(here().by);
  const load = async (filters, signal, period) => {
    const { by, sort } = here();
    const isByDate = sort === "date";
    offer(by);
    // What is outside of a plain period is counted, too.
    const { first, last } = isByDate ? period : {};
    const within = isByDate && period.isPlain ? without(filters, "date") : filters;
    const chart = { trim: isByDate, spans: SPANS, ticks: ticksFor(plot.clientWidth), by, prefix: facetPrefix(by), series: SERIES };
    const result = await api.histogram({ filters: within, sortField: sort, zone: zoneName(), first, last, ...chart }, { signal });
    put(plot, drawn(result, (start, end) => narrow(sort, start, end)));
    put(legend, legendOf(result));
    const earlier = edge(result.before, (total) => `‹ ${total} earlier`, period.start, [null, result.first - 1]);
    const later = edge(result.after, (total) => `${total} later ›`, period.end, [result.last + 1, null]);
    put(edges, earlier, result.spans.length > 0 && h("span.quiet", `each bar ${widthText(result.width)}`), later);
  };
  const clear = (content) => [put(legend), put(edges), put(plot, content)];
  return { node, load, clear };
}

export const ticksFor = (width) => Math.max(2, Math.floor(width / TICK_WIDTH));

/** A click shows what is outside of the chart: all time if that is beyond a bound of the period. */
function edge(total, text, bound, outside) {
  if (!total) return h("span");
  const isOther = bound !== null;
  const show = () => go(isOther ? atTime("all") : between(...outside));
  return button(text(counted(total)), show, { class: "bare edge", title: isOther ? "Not in this period; show all time" : "Show them" });
}

export function drawn({ by, spans: full, series, rest, first, last, width, total, ticks }, chosen) {
  if (!full.length) return h("p.quiet.empty", "No activity in this period.");
  const begin = full[0].start - Math.ceil((full[0].start - first) / width) * width;
  const spans = Math.floor((last - begin) / width) + 1;
  const high = Math.max(...full.map((span) => span.total));
  const chart = { begin, width, spans, chosen, top: roundUp(high) };
  const stacks = new Map(full.map((span) => [span.start, { ...span, parts: [] }]));
  const stack = (all, name) => all.spans.forEach(({ start, total }) => stacks.get(start)?.parts.push([name, total]));
  series.forEach((one, position) => stack(one, seriesOf(by, one.value, position)));
  stack(rest, "rest");
  const sum = `${activities(total)} from ${spanStart(first, width)} to ${spanStart(last, width)}; at most ${counted(high)} in one bar`;
  const brush = h("rect.brush", { height: HEIGHT, width: 0 });
  const svg = h("svg", { viewBox: `0 0 ${spans} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": sum, height: HEIGHT }, [...stacks.values()].map((one) => bar(one, chart)), brush);
  brushing(svg, brush, chart);
  return [heights(chart.top), svg, axis(ticks, begin, spans * width)];
}

const heights = (top) =>
  (top > 1 ? [1, 2] : [1]).map((part) => h(".height", { "aria-hidden": true, style: { top: `${HEIGHT - HEIGHT / part}px` } }, h("span", counted(top / part))));

function axis(ticks, begin, length) {
  const marks = ticks.map(({ at, text }) => {
    const share = (100 * (at - begin)) / length;
    const left = `${share}%`;
    const translate = `max(-100%, min(0px, (${100 - share}cqw - 100%) * 999))`;
    return [h("span.mark", { style: { left } }), h("span.tick", { style: { left, translate } }, text)];
  });
  return h(".axis", { "aria-hidden": true }, marks);
}

/** The least of 1, 2, 4 or 10 times a power of ten that is not less: its half is an integer from 2 on. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 10].map((factor) => factor * power).find((round) => round >= value);
}

function bar({ start, total, parts }, { begin, width, spans, top }) {
  const x = Math.round((start - begin) / width);
  const sum = parts.reduce((all, [, value]) => all + value, 0) || 1;
  // A bar has a minimum height. Shares of values that overlap make it up.
  const tall = Math.max((total / top) * HEIGHT, 1.5);
  const gap = spans > 200 ? 0 : 0.12;
  let y = HEIGHT;
  const pieces = parts.map(([name, value]) => {
    const height = (value / sum) * tall;
    y -= height;
    return h(`rect.series-${name}`, { x: x + gap / 2, width: 1 - gap, y, height });
  });
  return h("g", h("rect.hit", { x, width: 1, height: HEIGHT }), pieces, h("title", `${spanStart(start, width)}: ${activities(total)}`));
}

function brushing(svg, brush, { begin, width, spans, chosen }) {
  let from = null;
  const at = ({ clientX }) => {
    const { left, width } = svg.getBoundingClientRect();
    return Math.max(0, Math.min(1, (clientX - left) / width)) * spans;
  };
  const dragged = (event) => [from.at, at(event)].sort((one, other) => one - other);
  svg.onpointerdown = (event) => {
    if (event.button !== 0) return;
    from = { x: event.clientX, at: at(event) };
    svg.setPointerCapture(event.pointerId);
  };
  svg.onpointermove = (event) => {
    if (from === null) return;
    const [low, high] = dragged(event);
    brush.setAttribute("x", low);
    brush.setAttribute("width", high - low);
  };
  svg.onpointercancel = () => {
    from = null;
    brush.setAttribute("width", 0);
  };
  svg.onpointerup = (event) => {
    if (from === null) return;
    const [low, high] = dragged(event);
    const first = Math.min(Math.floor(low), spans - 1);
    const last = Math.abs(event.clientX - from.x) >= MIN_DRAG ? Math.min(Math.ceil(high), spans) : first + 1;
    from = null;
    chosen(begin + first * width, begin + last * width - 1);
  };
}

function narrow(name, start, end) {
  const narrowed = { filters: withCondition(without(here().filters, name), name, "range", [{ start, end }]), open: null };
  go(name === "date" ? between(start, end) : narrowed, { zoomed: true });
}

function legendOf({ by, series, rest }) {
  const key = (name, text, total) => [h(`span.swatch.series-${name}`, { "aria-hidden": true }), text, " ", h("span.quiet", counted(total))];
  const named = series.map(({ value, total }, position) => {
    const text = key(seriesOf(by, value, position), h("span.cut", valueLabel(by, value)), total);
    return button(text, () => filterBy(withValue(here().filters, by, "eq", value)), { class: "bare key", title: "Filter by it" });
  });
  return [named, rest.total > 0 && h("span.key", key("rest", "other values", rest.total))];
}

const UNITS = { week: 604_800_000, day: 86_400_000, hour: 3_600_000, minute: 60_000, second: 1_000 };

function widthText(width) {
  const [unit, ms] = Object.entries(UNITS).find(([, length]) => width >= length && width % length === 0) ?? ["ms", 1];
  return width === ms ? `${unit === "hour" ? "an" : "a"} ${unit}` : plural(width / ms, unit);
}
