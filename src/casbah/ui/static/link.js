// Links to searches and to the pages of values; and the server's sentences, in which names are such links.

import { h } from "./dom.js";
import { valueLabel } from "./language.js";
import { address, entityAddress, only } from "./place.js";
import { counted, moment } from "./words.js";

/** A link to the activities of some filters, of all time. */
export const searchLink = (filters, text) => h("a", { href: address({ filters }) }, text);
export const countLink = (filters, total) => searchLink(filters, counted(total));

/** A link to one activity among those of some filters: its time. */
export const momentLink = (filters, record, direction) =>
  h("a", { href: address({ filters, direction, open: record._id }) }, moment(record.timestamp));

/** A value as a link to its page, if its filter has one. */
export function valueLink(filter, value, text = valueLabel(filter, value)) {
  const href = entityAddress(filter, value);
  return href ? h("a", { href }, text) : text;
}

/** A value as a link to its page, or else to its activities. */
export const anyLink = (filter, value, text) => h("a", { href: entityAddress(filter, value) ?? address({ filters: only(filter, value) }) }, text);

export const sentenceNodes = (pieces) =>
  pieces.map(({ text, part, filter, value }) => {
    if (part === "note") return h("span.quiet", {}, text);
    if (!part) return text;
    return h("b", {}, filter ? anyLink(filter, value, text === String(value) ? valueLabel(filter, value) : text) : text);
  });
