import { button, buttons, closePopover, field, form, h, opener, popover, put } from "./dom.js";
import { atTime, between } from "./period.js";
import { go, here, isZoomed, TIMES } from "./place.js";
import { bare, condition, fromInput, isLocal, listed, setLocal, toInput, zoneAt, zoneName } from "./words.js";

const TITLES = { "24h": ["24 h", "The 24 hours"], "7d": ["7 d", "The 7 days"], "30d": ["30 d", "The 30 days"], all: ["All", "All time"] };

export const timeButtons = (choose) =>
  TIMES.map((time) => {
    const [text, title] = TITLES[time];
    const whole = time === "all" ? title : `${title} until now, or until the newest activity if that is over a day old`;
    return button(text, () => choose(time), { title: whole, "data-time": time });
  });

/** The period is null while it is not known. */
export function timeBar(changed) {
  const times = timeButtons((time) => go(atTime(time)));
  let shown = null;
  /** `before` and `after`: how much later the bounds are, in lengths of the period. */
  const move = (before, after) => {
    const { first, last } = shown;
    go(between(Math.round(first + before * (last - first)), Math.round(last + after * (last - first))));
  };
  const range = opener("", (anchor) => edit(anchor, shown), { class: "range" });
  const earlier = button("‹", () => move(-1, -1), { title: "Earlier", "aria-label": "Earlier" });
  const later = button("›", () => move(1, 1), { title: "Later", "aria-label": "Later" });
  const out = button("Zoom out", () => move(-0.5, 0.5), { title: "Twice as long" });
  const back = button("Back", () => history.back(), { title: "To the period before" });
  const zone = h("button.zone", { onclick: () => (setLocal(!isLocal()), changed()) });
  const draw = (period) => {
    shown = period;
    const { filters, time } = here();
    for (const one of times) one.ariaPressed = !filters.date && one.dataset.time === time;
    put(range, words(period));
    const bounded = period !== null && period.first !== null && period.last !== null;
    for (const one of [earlier, later, out]) one.disabled = !bounded;
    back.hidden = !isZoomed();
    const name = zoneAt(period?.last ?? Date.now());
    put(zone, name);
    zone.ariaLabel = `Time zone: ${name}`;
    zone.title = isLocal() ? "Show times in UTC" : "Show local times";
  };
  const together = (attributes, ...all) => h(".row.together", attributes, all);
  const node = h("section.time", { "aria-label": "Time" }, together({ role: "group", "aria-label": "Last" }, times), together({}, earlier, range, later), out, back, zone);
  draw(null);
  return { node, draw, open: () => range.click() };
}

export const spanText = (...bounds) => bounds.map((ms) => (ms === null ? "…" : bare(ms).slice(0, 16))).join(" – ");

function words(period) {
  if (period === null) return "…";
  const conditions = Object.entries(here().filters.date ?? {});
  const isRelative = conditions.length === 1 && conditions[0][0].endsWith("_ndays");
  if (period.isPlain && !isRelative) {
    const [start, end] = boundsOf(period);
    return start === null && end === null ? "All time" : spanText(start, end);
  }
  const texts = conditions.map(([operator, operands]) => condition("date", operator, operands).slice(1)).map(([how, values]) => [how, " ", ...values]);
  return listed(texts, " and ");
}

const boundsOf = (period) => [period.start, period.end === null ? null : period.last];

function edit(anchor, period) {
  const [from, until] = (period?.isPlain ? boundsOf(period) : [null, null]).map((ms) => h("input", { type: "datetime-local", step: "1", value: toInput(ms) }));
  const problem = h("p.wrong", { role: "alert" });
  const submit = () => {
    const [first, last] = [fromInput(from.value), fromInput(until.value)];
    if (first !== null && last !== null && first > last) return put(problem, "The period ends before it begins.");
    closePopover();
    go(between(first, last));
  };
  const fields = [field(`From (${zoneName()})`, from), field(`Until (${zoneName()})`, until)];
  popover(anchor, "Period", form(submit, { class: "editor" }, fields, problem, buttons(h("button.primary", "Apply"))));
}
