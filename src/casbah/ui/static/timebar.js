import { buttons, closePopover, field, form, h, input, popover, put, template, warning } from "./dom.js";
import { atTime, between } from "./period.js";
import { go, here, isZoomed } from "./place.js";
import { bare, condition, fromInput, isLocal, listed, setLocal, toInput, zoneAt, zoneName } from "./words.js";

export function timeButtons(name, choose) {
  const { node } = template("times");
  node.ariaLabel = name;
  for (const one of node.children) one.onclick = () => choose(one.dataset.time);
  return node;
}

/** The period is null while it is not known. */
export function timeBar(changed) {
  const { node, earlier, range, later, out, back, zone } = template("time");
  const times = timeButtons("Last", (time) => go(atTime(time)));
  node.prepend(times);
  let shown = null;
  /** `before` and `after`: how much later the bounds are, in lengths of the period. */
  const move = (before, after) => () => {
    const { first, last } = shown;
    go(between(Math.round(first + before * (last - first)), Math.round(last + after * (last - first))));
  };
  earlier.onclick = move(-1, -1);
  later.onclick = move(1, 1);
  out.onclick = move(-0.5, 0.5);
  range.onclick = () => edit(range, shown);
  back.onclick = () => history.back();
  zone.onclick = () => (setLocal(!isLocal()), changed());
  const draw = (period) => {
    shown = period;
    const { filters, time } = here();
    for (const one of times.children) one.ariaPressed = !filters.date && one.dataset.time === time;
    put(range, words(period));
    const isOpen = (period?.first ?? null) === null || period.last === null;
    for (const one of [earlier, later, out]) one.disabled = isOpen;
    back.hidden = !isZoomed();
    const name = zoneAt(period?.last ?? Date.now());
    put(zone, name);
    zone.ariaLabel = `Time zone: ${name}`;
    zone.title = isLocal() ? "Show times in UTC" : "Show local times";
  };
  draw(null);
  return { node, draw, open: range.onclick };
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
  const text = ([, how, values]) => [how, " ", ...values];
  return listed(conditions.map((one) => text(condition("date", ...one))), " and ");
}

const boundsOf = (period) => [period.start, period.end === null ? null : period.last];

function edit(anchor, period) {
  const [from, until] = (period?.isPlain ? boundsOf(period) : [null, null]).map((ms) => input({ type: "datetime-local", step: "1", value: toInput(ms) }));
  const problem = warning();
  const submit = () => {
    const [first, last] = [fromInput(from.value), fromInput(until.value)];
    if (first !== null && last !== null && first > last) return put(problem, "The period ends before it begins.");
    closePopover();
    go(between(first, last));
  };
  const fields = [field(`From (${zoneName()})`, from), field(`Until (${zoneName()})`, until)];
  popover(anchor, "Period", form(submit, { class: "editor" }, fields, problem, buttons(h("button.primary", "Apply"))));
}
