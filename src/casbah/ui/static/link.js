import { h } from "./dom.js";
import { valueLabel } from "./language.js";
import { address, entityAddress, only } from "./place.js";
import { counted, moment } from "./words.js";

export const searchLink = (filters, text) => h("a", { href: address({ filters }) }, text);
export const countLink = (filters, total) => searchLink(filters, counted(total));

export const momentLink = (filters, record, direction) =>
  h("a", { href: address({ filters, direction, open: record._id }) }, moment(record.timestamp));

export function valueLink(filter, value, text = valueLabel(filter, value)) {
  const href = entityAddress(filter, value);
  return href ? h("a", { href }, text) : text;
}

export const anyLink = (filter, value, text) => h("a", { href: entityAddress(filter, value) ?? address({ filters: only(filter, value) }) }, text);

export const sentenceNodes = (pieces) =>
  pieces.map(({ text, part, filter, value }) => {
    if (part === "note") return h("span.quiet", {}, text);
    if (!part) return text;
    return h("b", {}, filter ? anyLink(filter, value, text === String(value) ? valueLabel(filter, value) : text) : text);
  });
