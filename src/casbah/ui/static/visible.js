// Characters that are hidden or reorder text become codes such as ⟨U+202E⟩.

import { plain } from "./json.js";

/**
 * The same rule as in the command line: controls, formats, separators, unpaired surrogates. The joiners U+200C and U+200D are no
 * exception, although emoji, Persian and Indic scripts use them: two names that differ in a joiner alone look the same.
 */
const HIDDEN = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

const code = (character) => `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;

export const hasHidden = (text) => text.search(HIDDEN) >= 0;

/** For titles: `parts` is a text, or a list of texts, isolated from each other. */
export function visibleText(parts) {
  const isolated = (text) => (RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text);
  return [parts].flat(Infinity).map((part) => isolated(plain(part).replace(HIDDEN, code))).join("");
}

/** The text keeps hidden characters, so that copies are exact, but shows their codes. */
export function visibleNode(text) {
  if (!hasHidden(text) && !RIGHT_TO_LEFT.test(text)) return document.createTextNode(text);
  const whole = document.createElement("bdi");
  let from = 0;
  for (const { 0: character, index } of text.matchAll(HIDDEN)) {
    whole.append(text.slice(from, index), mark(character));
    from = index + character.length;
  }
  whole.append(text.slice(from));
  return whole;
}

function mark(character) {
  const node = document.createElement("span");
  node.className = "hidden-character";
  node.dataset.code = code(character);
  node.append(character);
  return node;
}

/** One before `at` if that would split a surrogate pair. */
export function boundary(text, at) {
  const divides = /[\ud800-\udbff]/.test(text[at - 1]) && /[\udc00-\udfff]/.test(text[at]);
  return divides ? at - 1 : at;
}

export const cut = (text, maximum) => (text.length > maximum ? `${text.slice(0, boundary(text, maximum))}…` : text);
