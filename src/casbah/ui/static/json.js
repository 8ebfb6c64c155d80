// JSON that preserves all digits of numbers. JavaScript numbers have about 17 digits; records may have more.

/** A number that JavaScript would change, kept as text: 9007199254740993, 0.1234567890123456789, 1.0. */
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

export const isNested = (value) => value !== null && typeof value === "object" && !(value instanceof Exact);

/** The value of a JSON number: a plain number if it converts back to the same text, else an Exact. */
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

/** For browsers that pass the source text of numbers to a reviver (all since 2025). */
export const parseWithSource = (text) =>
  JSON.parse(text, (_, value, context) => (typeof value === "number" ? number(context.source) : value));

const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

/** For other browsers: replace each number that would change with `{"<mark>": "<digits>"}`, with an unguessable mark. */
export function parseWithMarks(text) {
  const mark = newMark();
  const kept = (token) => token.startsWith('"') || !(number(token) instanceof Exact);
  const marked = text.replace(STRING_OR_NUMBER, (token) => (kept(token) ? token : `{"${mark}":"${token}"}`));
  return JSON.parse(marked, (_, value) => (isNested(value) && Object.hasOwn(value, mark) ? new Exact(value[mark]) : value));
}

export function stringify(value, indent = 0) {
  const mark = newMark();
  let exact = false;
  const text = JSON.stringify(value, (_, part) => (part instanceof Exact ? ((exact = true), mark + part.text) : part), indent);
  return exact ? text.replace(new RegExp(`"${mark}([^"]*)"`, "g"), "$1") : text;
}

const newMark = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

/** The list that the browser remembers under a key, or null. */
export function remembered(key) {
  try {
    const list = parse(localStorage.getItem(key));
    return Array.isArray(list) ? list : null;
  } catch {
    return null;
  }
}
