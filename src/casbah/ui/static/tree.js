// A JSON value as a tree that folds, and that can be searched. Large lists are shown a part at a time.

import { add, h, put } from "./dom.js";
import { Exact, isNested } from "./json.js";
import { boundary, cut } from "./visible.js";

const PART = 100;
const OPEN_DEPTH = 2;
const LONG = 2_000;
const MORE = 20_000;
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

const entriesOf = (value) => (Array.isArray(value) ? value.map((each, position) => [position, each]) : Object.entries(value));

/** What of a value holds the text in a key or a value; undefined where nothing does. */
function narrowed(value, wanted) {
  if (!isNested(value)) return String(value).toLowerCase().includes(wanted) ? value : undefined;
  const kept = entriesOf(value)
    .map(([key, each]) => [key, !Array.isArray(value) && String(key).toLowerCase().includes(wanted) ? each : narrowed(each, wanted)])
    .filter(([, each]) => each !== undefined);
  return kept.length ? Object.fromEntries(kept) : undefined;
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
