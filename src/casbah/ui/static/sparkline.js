import { h } from "./dom.js";

const LEAST = 2;

/** [[start, total]], also of empty spans, which an answer leaves out. */
export function filled(spans, { first, last, width }) {
  const totals = new Map(spans.map(({ start, total }) => [start, total]));
  return Array.from({ length: Math.floor((last - first) / width) + 1 }, (_, position) => {
    const start = first + position * width;
    return [start, totals.get(start) ?? 0];
  });
}

export function sparkline(bars, height, attributes) {
  const most = Math.max(1, ...bars.map(({ total }) => total));
  const drawn = bars.map(({ total, text, href }) => {
    const bar = h("span.spark-bar", { style: { height: `${total ? Math.max((total / most) * height, LEAST) : 0}px` } });
    return href && total ? h("a.spark", { href, title: text, "aria-label": text }, bar) : h("span.spark", { title: text }, bar);
  });
  return h(".sparkline", attributes, drawn);
}
