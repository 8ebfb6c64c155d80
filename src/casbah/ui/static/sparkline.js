// Small bars without axes, one per span of time.

import { h } from "./dom.js";

const LEAST = 2;

/** The bars of [{total, text, href}], the highest `height` pixels high; those with an `href` and activities are links. */
export function sparkline(bars, height) {
  const most = Math.max(1, ...bars.map(({ total }) => total));
  const drawn = bars.map(({ total, text, href }) => {
    const bar = h("span", { class: "spark-bar" });
    bar.style.height = `${total ? Math.max((total / most) * height, LEAST) : 0}px`;
    return href && total ? h("a", { class: "spark", href, title: text, "aria-label": text }, bar) : h("span", { class: "spark", title: text }, bar);
  });
  return h("div", { class: "sparkline" }, drawn);
}
