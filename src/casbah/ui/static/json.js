// JSON that keeps all digits: JavaScript numbers have about 17, records may have more.

/** A number that JavaScript would change, kept as text: 9007199254740993, 1.0. */
export class Exact {
  constructor(text) {
    this.toString = () => text;
    this.valueOf = () => Number(text);
    this.toJSON = () => JSON.rawJSON(text);
  }
}

export const isNested = (value) => value !== null && typeof value === "object" && !(value instanceof Exact);

/** The text of a value; objects and lists have none. */
export const plain = (value) => (isNested(value) ? "" : String(value ?? ""));

const number = (text) => (String(Number(text)) === text ? Number(text) : new Exact(text));

/** Null if the text is not a number. */
export function typedNumber(text) {
  const digits = text.trim().replace(/^(-?)0+(?=\d)/, "$1");
  if (/^-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$/.test(digits)) return number(digits);
  return digits === "" || !Number.isFinite(Number(digits)) ? null : Number(digits);
}

/** An object that names its methods can be shown as a text, too. */
export const parse = (text) =>
  JSON.parse(text, function (name, value, { source }) {
    if (name === "toString" || name === "valueOf") this[Symbol.toPrimitive] = () => stringify(this);
    return typeof value === "number" ? number(source) : value;
  });

export const stringify = (value, indent) => JSON.stringify(value, null, indent);

export function remembered(key) {
  try {
    const list = parse(localStorage.getItem(key));
    return Array.isArray(list) ? list : null;
  } catch {
    return null;
  }
}
