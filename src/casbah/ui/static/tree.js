// A JSON value as a tree that folds, and that can be searched. Large lists are shown a part at a time.

import { h, put } from "./dom.js";

const PART = 100;
const OPEN_DEPTH = 2;
const LONG = 2_000;
const LONG_KEY = 200;

/** The tree of a value, with a box to search it. */
export function tree(value) {
  const box = h("div", { class: "tree" });
  const draw = (wanted) => put(box, node(null, wanted ? narrowed(value, wanted) : value, 0, wanted));
  const search = h("input", {
    type: "search",
    placeholder: "Search in the record …",
    "aria-label": "Search in the record",
    oninput: () => draw(search.value.trim().toLowerCase()),
  });
  draw("");
  return h("div", {}, search, box);
}

const cut = (key) => (key.length > LONG_KEY ? `${key.slice(0, LONG_KEY)}…` : key);
const isTree = (value) => value !== null && typeof value === "object";
const entriesOf = (value) => (Array.isArray(value) ? value.map((each, position) => [position, each]) : Object.entries(value));

/** What of a value holds the text in a key or a value; undefined where nothing does. */
function narrowed(value, wanted) {
  if (!isTree(value)) return String(value).toLowerCase().includes(wanted) ? value : undefined;
  const kept = entriesOf(value)
    .map(([key, each]) => [key, !Array.isArray(value) && String(key).toLowerCase().includes(wanted) ? each : narrowed(each, wanted)])
    .filter(([, each]) => each !== undefined);
  return kept.length ? Object.fromEntries(kept) : undefined;
}

function node(key, value, depth, wanted) {
  const name = key === null ? null : h("span", { class: "tree-key" }, `${cut(String(key))}: `);
  if (value === undefined) return h("p", { class: "quiet" }, "Nothing in the record holds that.");
  if (!isTree(value)) return h("div", { class: "tree-leaf" }, name, leaf(value));
  const entries = entriesOf(value);
  const many = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  const inner = h("div", { class: "tree-inner" });
  let filled = false;
  const fill = () => {
    if (filled) return;
    filled = true;
    more(inner, entries, 0, depth, wanted);
  };
  const open = depth < OPEN_DEPTH || Boolean(wanted);
  const folded = h(
    "details",
    { open, ontoggle: () => folded.open && fill() },
    h("summary", {}, name, h("span", { class: "quiet" }, many)),
    inner,
  );
  if (open) fill();
  return folded;
}

function more(inner, entries, from, depth, wanted) {
  inner.append(...entries.slice(from, from + PART).map(([key, each]) => node(key, each, depth + 1, wanted)));
  if (entries.length <= from + PART) return;
  const rest = h(
    "button",
    {
      class: "bare",
      onclick: () => {
        rest.remove();
        more(inner, entries, from + PART, depth, wanted);
      },
    },
    `${entries.length - from - PART} more`,
  );
  inner.append(rest);
}

function leaf(value) {
  const kind = value === null ? "null" : typeof value;
  const text = kind === "string" ? JSON.stringify(value) : String(value);
  const shown = h("span", { class: `tree-${kind}` }, text.slice(0, LONG));
  if (text.length <= LONG) return shown;
  const rest = h(
    "button",
    {
      class: "bare",
      onclick: () => {
        shown.append(text.slice(LONG));
        rest.remove();
      },
    },
    `… ${text.length - LONG} characters more`,
  );
  return [shown, rest];
}
