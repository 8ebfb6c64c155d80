// How many activities there are over time: bars divided by the values of a filter. A stretch that is dragged over, or a bar
// that is clicked, becomes the date filter.

import * as api from "./api.js";
import { h, put, svgTitle } from "./dom.js";
import { label, valueLabel } from "./language.js";
import { go, here, withCondition, withValue } from "./place.js";
import { counted, plural, spanStart } from "./words.js";

const SPANS = 80;
const HEIGHT = 110;
const SERIES = 6;
const DIVISIONS = ["service", "activity.eventActionType", "location.country", "device.type", "activity.type", "user.username"];
const LEAST_DRAG = 4;

/** The histogram; `load(filters, signal)` asks for it and draws it, `clear(content)` takes it away. */
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
    const prefix = by === "activity.eventActionType" ? "event_category_" : "";
    const found = await api.histogram({ filters, by, prefix, series: SERIES, spans: SPANS, sortField: sort }, { signal });
    put(plot, drawn(found, sort));
    put(legend, explained(found));
  };
  const clear = (content) => {
    put(plot, content);
    put(legend);
  };
  return { node, load, clear };
}

function drawn(found, sort) {
  if (!found.spans.length) return h("p", { class: "quiet empty" }, "No activity in this period.");
  const { width } = found;
  const begin = found.spans[0].start;
  const spans = Math.round((found.spans.at(-1).start - begin) / width) + 1;
  const most = Math.max(...found.spans.map((each) => each.total));
  const stacks = new Map(found.spans.map((each) => [each.start, { total: each.total, parts: [] }]));
  [...found.series, found.rest].forEach((series, position) => {
    for (const { start, total } of series.spans) stacks.get(start)?.parts.push([position < found.series.length ? position : "rest", total]);
  });
  const bars = [...stacks].map(([start, { total, parts }]) => bar(start, total, parts, { begin, width, spans, most }));
  const brush = h("rect", { class: "brush", y: 0, height: HEIGHT, x: 0, width: 0 });
  const sum = `${plural(found.total, "activity", "activities")} from ${spanStart(begin, width)} to ${spanStart(found.spans.at(-1).start + width - 1, width)}; at most ${counted(most)} in one bar`;
  const svg = h(
    "svg",
    { viewBox: `0 0 ${spans} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": sum, height: HEIGHT },
    bars,
    brush,
  );
  brushing(svg, brush, { begin, width, spans, sort });
  const axis = h("div", { class: "axis", "aria-hidden": "true" }, h("span", {}, spanStart(begin, width)), h("span", {}, `each bar ${lasting(width)}, at most ${counted(most)}`), h("span", {}, spanStart(found.spans.at(-1).start, width)));
  return [svg, axis];
}

function bar(start, total, parts, { begin, width, spans, most }) {
  const at = Math.round((start - begin) / width);
  const sum = parts.reduce((all, [, each]) => all + each, 0) || 1;
  let below = 0;
  // A bar that is there at all is seen, and where values overlap their shares make up the bar.
  const tall = Math.max((total / most) * (HEIGHT - 4), 1.5);
  const gap = spans > 200 ? 0 : 0.12;
  const pieces = parts.map(([series, each]) => {
    const high = (each / sum) * tall;
    below += high;
    return h("rect", { class: `series-${series}`, x: at + gap / 2, width: 1 - gap, y: HEIGHT - below, height: high });
  });
  const named = h("g", {}, h("rect", { class: "hit", x: at, width: 1, y: 0, height: HEIGHT }), pieces);
  named.append(svgTitle(`${spanStart(start, width)}: ${plural(total, "activity", "activities")}`));
  return named;
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
    const dragged = Math.abs(event.clientX - from.x) >= LEAST_DRAG;
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

function explained(found) {
  const swatch = (series) => h("span", { class: `swatch series-${series}`, "aria-hidden": "true" });
  const named = found.series.map((each, position) =>
    h(
      "button",
      { class: "bare key", title: "Filter by it", onclick: () => go({ filters: withValue(here().filters, found.by, "eq", each.value), open: null }) },
      swatch(position),
      h("span", { class: "cut" }, valueLabel(found.by, each.value)),
      " ",
      h("span", { class: "quiet" }, counted(each.total)),
    ),
  );
  const rest = found.rest.total > 0 && h("span", { class: "key" }, swatch("rest"), "others ", h("span", { class: "quiet" }, counted(found.rest.total)));
  return [named, rest];
}

const UNITS = [["week", 604_800_000], ["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000], ["second", 1_000]];

/** How long a span is. */
function lasting(width) {
  const [unit, ms] = UNITS.find(([, each]) => width >= each && width % each === 0) ?? ["ms", 1];
  return width === ms ? `a ${unit}`.replace("a hour", "an hour") : plural(width / ms, unit, `${unit}s`);
}
