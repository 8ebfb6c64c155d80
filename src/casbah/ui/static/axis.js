// The axes of a chart over time: round numbers, and moments that begin a unit of the calendar in the zone that is shown.

import { bare, msOf, parts } from "./words.js";

const [SECOND, MINUTE, HOUR, DAY, MONTH, YEAR] = [1_000, 60_000, 3_600_000, 86_400_000, 2_629_746_000, 31_556_952_000];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const FIRST_MONTH = 1;

/** Steps between ticks: the position of their unit in `parts`, how many units, the length of one in ms. */
const STEPS = [
  ...[1, 5, 15, 30].map((count) => [5, count, SECOND]),
  ...[1, 5, 15, 30].map((count) => [4, count, MINUTE]),
  ...[1, 3, 6, 12].map((count) => [3, count, HOUR]),
  ...[1, 2, 7, 14].map((count) => [2, count, DAY]),
  ...[1, 3, 6].map((count) => [1, count, MONTH]),
  ...[1, 2, 5, 10, 50, 100].map((count) => [0, count, YEAR]),
];

/** At most `most` ticks from `first` to `last` in ms: [{ms, text}]. */
export function ticks(first, last, most) {
  const [unit, count] = STEPS.find(([, many, length]) => (last - first) / (many * length) <= most) ?? STEPS.at(-1);
  const at = beginning(parts(first).slice(0, unit + 1), unit, count);
  const shown = [];
  for (; ; at[unit] += count) {
    const ms = msOf([...at, FIRST_MONTH, 1].slice(0, Math.max(at.length, 3)));
    if (ms > last) return shown;
    if (ms >= first) shown.push({ ms, text: tickText(ms, unit) });
  }
}

/** The last multiple of a step that is not later. Days are counted from where the chart begins. */
function beginning(at, unit, count) {
  if (unit === 2) return at;
  const least = unit === 1 ? FIRST_MONTH : 0;
  at[unit] = Math.floor((at[unit] - least) / count) * count + least;
  return at;
}

function tickText(ms, unit) {
  const [year, month, day] = parts(ms);
  const time = bare(ms).slice(-"00:00:00".length);
  if (unit === 0) return String(year);
  if (unit === 1) return month === FIRST_MONTH ? `${MONTHS[0]} ${year}` : MONTHS[month - 1];
  if (unit === 2 || time === "00:00:00") return `${MONTHS[month - 1]} ${day}`;
  return unit === 5 ? time : time.slice(0, 5);
}

/** The least of 1, 2, 4 or 10 times a power of ten that is not less than a number: its half is an integer from 2 on. */
export function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 4, 10].map((factor) => factor * power).find((round) => round >= value);
}
