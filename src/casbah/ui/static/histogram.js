// Activities over time: bars broken down by the values of a filter. Dragging over a range, or clicking a bar, sets the date
// filter.

import * as api from "./api.js";
import { h, put, svgTitle } from "./dom.js";
import { facetPrefix, label, valueLabel } from "./language.js";
import { go, here, withCondition, withValue } from "./place.js";
import { counted, plural, spanStart } from "./words.js";

const SPANS = 80;
const HEIGHT = 110;
const SERIES = 6;
const DIVISIONS = ["service", "verb", "activity.eventActionType", "location.country", "device.type", "activity.type", "user.username"];
const MIN_DRAG = 4;

/** The histogram; `load(filters, signal)` fetches and draws it, `clear(content)` replaces it. */
export function histogram() {
  const legend = h("div", { class: "legend" });
  const plot = h("div", { class: "plot" });
  const division = h(
    "select",
    { "aria-label": "Divide the bars by", onchange: (event) => go({ by: event.target.value }, { replace: true }) },
    DIVISIONS.map((name) => h("option", { value: name }, `by ${label(name).toLowerCase()}`)),
  );
  const node = h("section", { class: "histogram", "aria-label": "Activities over time" }, plot, h("div", { class: "row" }, legend, division));
  const load = async (filters, signal) => {
    const { by, sort } = here();
    if (!DIVISIONS.includes(by)) division.append(h("option", { value: by }, `by ${label(by).toLowerCase()}`));
    division.value = by;
    const result = await api.histogram({ filters, by, prefix: facetPrefix(by), series: SERIES, spans: SPANS, sortField: sort }, { signal });
    put(plot, drawn(result, sort));
    put(legend, legendOf(result));
  };
  const clear = (content) => {
    put(plot, content);
    put(legend);
  };
  return { node, load, clear };
}

function drawn(result, sort) {
  if (!result.spans.length) return h("p", { class: "quiet empty" }, "No activity in this period.");
  const { width } = result;
  const begin = result.spans[0].start;
  const spans = Math.round((result.spans.at(-1).start - begin) / width) + 1;
  const most = Math.max(...result.spans.map((span) => span.total));
  const stacks = new Map(result.spans.map((span) => [span.start, { total: span.total, parts: [] }]));
  [...result.series, result.rest].forEach((series, position) => {
    for (const { start, total } of series.spans) stacks.get(start)?.parts.push([position < result.series.length ? position : "rest", total]);
  });
  const bars = [...stacks].map(([start, { total, parts }]) => bar(start, total, parts, { begin, width, spans, most }));
  const brush = h("rect", { class: "brush", y: 0, height: HEIGHT, x: 0, width: 0 });
  const sum = `${plural(result.total, "activity", "activities")} from ${spanStart(begin, width)} to ${spanStart(result.spans.at(-1).start + width - 1, width)}; at most ${counted(most)} in one bar`;
  const svg = h(
    "svg",
    { viewBox: `0 0 ${spans} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": sum, height: HEIGHT },
    bars,
    brush,
  );
  brushing(svg, brush, { begin, width, spans, sort });
  const axis = h("div", { class: "axis", "aria-hidden": "true" }, h("span", {}, spanStart(begin, width)), h("span", {}, `each bar ${widthText(width)}, at most ${counted(most)}`), h("span", {}, spanStart(result.spans.at(-1).start, width)));
  return [svg, axis];
}

function bar(start, total, parts, { begin, width, spans, most }) {
  const at = Math.round((start - begin) / width);
  const sum = parts.reduce((all, [, value]) => all + value, 0) || 1;
  let below = 0;
  // A bar has a visible minimum height. Where values overlap, their shares make up the bar.
  const tall = Math.max((total / most) * (HEIGHT - 4), 1.5);
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
  const { [name]: _, ...rest } = here().filters;
  go({ filters: withCondition(rest, name, "range", [{ start, end }]), open: null });
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
