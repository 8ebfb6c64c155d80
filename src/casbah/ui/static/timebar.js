// The time picker: the usual periods, two bounds, earlier and later, zooming out and back, and the zone of all times.

import { closePopover, h, popover, put } from "./dom.js";
import { atTime, between, ends } from "./period.js";
import { go, here, isZoomed, TIMES } from "./place.js";
import { bare, condition, fromInput, isLocal, setLocal, toInput, zoneAt, zoneName } from "./words.js";

const TITLES = { "24h": ["24 h", "The 24 hours until the newest activity"], "7d": ["7 d", "The 7 days until the newest activity"], "30d": ["30 d", "The 30 days until the newest activity"], all: ["All", "All time"] };

/** The bar; `draw(period)` shows a period, null while it is not known; `open()` opens its form; `changed()` is called when the zone has changed. */
export function timeBar(changed) {
  const times = TIMES.map((time) => h("button", { title: TITLES[time][1], "data-time": time, onclick: () => go(atTime(time)) }, TITLES[time][0]));
  const range = h("button", { class: "range", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => edit(range, shown) });
  const step = (title, sign, text) => h("button", { "aria-label": title, title, onclick: () => move((start, end) => [start + sign * (end - start), end + sign * (end - start)]) }, text);
  const [earlier, later] = [step("Earlier", -1, "‹"), step("Later", 1, "›")];
  const out = h("button", { title: "Twice as long", onclick: () => move((start, end) => [start - (end - start) / 2, end + (end - start) / 2]) }, "Zoom out");
  const back = h("button", { title: "To the period before", onclick: () => history.back() }, "Back");
  const zone = h("button", { class: "zone", onclick: () => (setLocal(!isLocal()), changed()) });
  let shown = null;
  const move = (change) => {
    const [start, end] = ends(shown);
    const [first, last] = change(start, end).map(Math.round);
    go(between(first, last));
  };
  const draw = (period) => {
    shown = period;
    const { filters, time } = here();
    for (const button of times) button.setAttribute("aria-pressed", String(!filters.date && button.dataset.time === time));
    put(range, words(period));
    const bounded = period !== null && ends(period).every((bound) => bound !== null);
    for (const button of [earlier, later, out]) button.disabled = !bounded;
    back.hidden = !isZoomed();
    const name = zoneAt(period?.last ?? Date.now());
    put(zone, name);
    zone.setAttribute("aria-label", `Time zone: ${name}`);
    zone.setAttribute("title", isLocal() ? "Show times in UTC" : "Show local times");
  };
  const node = h("section", { class: "time", "aria-label": "Time" }, h("div", { class: "row together", role: "group", "aria-label": "Last" }, times), h("div", { class: "row together" }, earlier, range, later), out, back, zone);
  draw(null);
  const open = () => range.click();
  return { node, draw, open };
}

/** A period in words. */
function words(period) {
  const { date } = here().filters;
  if (period === null) return "…";
  if (period.isPlain && !(date && ("gte_ndays" in date || "lte_ndays" in date))) {
    const [start, end] = [period.start, period.end === null ? null : ends(period)[1]].map((bound) => (bound === null ? "…" : bare(bound).slice(0, 16)));
    return start === end && start === "…" ? "All time" : `${start} – ${end}`;
  }
  return Object.entries(date).map(([operator, operands]) => condition("date", operator, operands)).map(([, how, values]) => [how, " ", ...values]);
}

/** Choose two bounds. */
function edit(anchor, period) {
  const [start, end] = period?.isPlain ? [period.start, period.end === null ? null : ends(period)[1]] : [null, null];
  const input = (ms) => h("input", { type: "datetime-local", step: "1", value: toInput(ms) });
  const [from, until] = [input(start), input(end)];
  const problem = h("p", { class: "wrong", role: "alert" });
  const submit = (event) => {
    event.preventDefault();
    const [first, last] = [fromInput(from.value), fromInput(until.value)];
    if (first !== null && last !== null && first > last) return put(problem, "The period ends before it begins.");
    closePopover();
    go(between(first, last));
  };
  const form = h(
    "form",
    { class: "editor", onsubmit: submit },
    h("label", { class: "field" }, `From (${zoneName()})`, from),
    h("label", { class: "field" }, `Until (${zoneName()})`, until),
    problem,
    h("div", { class: "row end" }, h("button", { class: "primary" }, "Apply")),
  );
  popover(anchor, form, { label: "Period" });
}
