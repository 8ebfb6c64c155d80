// Activities as sentences, which the server makes: names in them are links.

import { h } from "./dom.js";
import { valueLabel } from "./language.js";
import { address, entityAddress } from "./place.js";

/** The nodes of a sentence. */
export const sentenceNodes = (pieces) =>
  pieces.map(({ text, part, filter, value }) => {
    if (part === "note") return h("span", { class: "quiet" }, text);
    if (!part) return text;
    const name = filter && text === String(value) ? valueLabel(filter, value) : text;
    return h("b", {}, filter ? h("a", { href: entityAddress(filter, value) ?? address({ filters: { [filter]: { eq: [value] } } }) }, name) : name);
  });
