// JSON whose numbers keep their digits. JavaScript's numbers hold integers up to 2^53 and some 17 digits; records hold more.

/** A number that JavaScript's numbers would change: 9007199254740993, 0.1234567890123456789, 1.0. It is its text. */
export class Exact {
  constructor(text) {
    this.text = text;
  }

  toString() {
    return this.text;
  }

  valueOf() {
    return Number(this.text);
  }
}

/** Whether a value has parts: a list or an object, and no number. */
export const isNested = (value) => value !== null && typeof value === "object" && !(value instanceof Exact);

/** The number of a JSON number's text: a plain one where that has the same text, an Exact one otherwise. */
const number = (text) => (String(Number(text)) === text ? Number(text) : new Exact(text));

/** A typed number with all its digits; null if the text is not a number. */
export function typedNumber(text) {
  const digits = text.trim().replace(/^(-?)0+(?=\d)/, "$1");
  if (/^-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$/.test(digits)) return number(digits);
  return digits === "" || !Number.isFinite(Number(digits)) ? null : Number(digits);
}

const nativeSource = (() => {
  let seen;
  JSON.parse("1", (_, value, context) => ((seen = context?.source), value));
  return seen === "1";
})();

/** The value of a JSON text. Raises SyntaxError. */
export const parse = (text) => (nativeSource ? parseWithSource(text) : parseWithMarks(text));

/** For browsers that give the source text of each number to a reviver (since 2025 all of them do). */
export const parseWithSource = (text) =>
  JSON.parse(text, (_, value, context) => (typeof value === "number" ? number(context.source) : value));

const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

/** For all others: each number that would change is put into the text as `{"<mark>": "<digits>"}`, with a mark nobody can guess. */
export function parseWithMarks(text) {
  const mark = newMark();
  const kept = (token) => token.startsWith('"') || !(number(token) instanceof Exact);
  const marked = text.replace(STRING_OR_NUMBER, (token) => (kept(token) ? token : `{"${mark}":"${token}"}`));
  return JSON.parse(marked, (_, value) => (isNested(value) && Object.hasOwn(value, mark) ? new Exact(value[mark]) : value));
}

/** The JSON text of a value, every number with its digits. */
export function stringify(value, indent = 0) {
  const mark = newMark();
  let exact = false;
  const text = JSON.stringify(value, (_, part) => (part instanceof Exact ? ((exact = true), mark + part.text) : part), indent);
  return exact ? text.replace(new RegExp(`"${mark}([^"]*)"`, "g"), "$1") : text;
}

const newMark = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
