// A JSON value as a collapsible, searchable tree. Large lists are shown in parts.

import { add, h, put } from "./dom.js";
import { Exact, isNested } from "./json.js";
import { boundary, cut } from "./visible.js";

const PART = 100;
const OPEN_DEPTH = 2;
const LONG = 2_000;
const MORE = 20_000;
const LONG_KEY = 200;

/** The tree of a value, with a search box. */
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

const entriesOf = (value) => (Array.isArray(value) ? value.map((item, position) => [position, item]) : Object.entries(value));

/** The parts of a value with the text in a key or value; undefined if there is no match. */
function narrowed(value, wanted) {
  if (!isNested(value)) return String(value).toLowerCase().includes(wanted) ? value : undefined;
  const matching = entriesOf(value)
    .map(([key, child]) => [key, !Array.isArray(value) && String(key).toLowerCase().includes(wanted) ? child : narrowed(child, wanted)])
    .filter(([, child]) => child !== undefined);
  return matching.length ? Object.fromEntries(matching) : undefined;
}

function node(key, value, depth, wanted) {
  const name = key === null ? null : h("span", { class: "tree-key" }, [cut(String(key), LONG_KEY), ": "]);
  if (value === undefined) return h("p", { class: "quiet" }, "No match in this record.");
  if (!isNested(value)) return h("div", { class: "tree-leaf" }, name, leaf(value));
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
  inner.append(...entries.slice(from, from + PART).map(([key, child]) => node(key, child, depth + 1, wanted)));
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
  const kind = value === null ? "null" : value instanceof Exact ? "number" : typeof value;
  const text = kind === "string" ? JSON.stringify(value) : String(value);
  const shown = h("span", { class: `tree-${kind}` });
  const rest = h("button", { class: "bare", onclick: () => showMore() });
  let end = 0;
  const showMore = () => {
    const begin = end;
    end = boundary(text, begin + (begin === 0 ? LONG : MORE));
    add(shown, text.slice(begin, end));
    rest.hidden = end >= text.length;
    put(rest, `… ${text.length - end} characters more`);
  };
  showMore();
  return text.length > LONG ? [shown, rest] : shown;
}
