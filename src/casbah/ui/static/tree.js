import { add, button, h, put, quiet, template } from "./dom.js";
import { Exact, isNested } from "./json.js";
import { boundary, cut } from "./visible.js";

const PART = 100;
const OPEN_DEPTH = 2;
const LONG = 2_000;
const MORE = 20_000;
const LONG_KEY = 200;

export function tree(value) {
  const { node, search, box } = template("record");
  const draw = (wanted) => put(box, branch(null, wanted ? narrowed(value, wanted) : value, 0, wanted));
  search.oninput = () => draw(search.value.trim().toLowerCase());
  draw("");
  return node;
}

const entriesOf = (value) => (Array.isArray(value) ? value.map((item, position) => [position, item]) : Object.entries(value));

function narrowed(value, wanted) {
  const isIn = (text) => String(text).toLowerCase().includes(wanted);
  if (!isNested(value)) return isIn(value) ? value : undefined;
  const isKnown = (key) => !Array.isArray(value) && isIn(key);
  const matching = entriesOf(value).map(([key, child]) => [key, isKnown(key) ? child : narrowed(child, wanted)]).filter(([, child]) => child !== undefined);
  return matching.length ? Object.fromEntries(matching) : undefined;
}

function branch(key, value, depth, wanted) {
  if (value === undefined) return quiet("No match in this record.");
  const name = key !== null && h("span.tree-key", [cut(String(key), LONG_KEY), ": "]);
  if (!isNested(value)) return h(".tree-leaf", name, leaf(value));
  const entries = entriesOf(value);
  const many = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  const inner = h(".tree-inner");
  // Opening one more level shows it, so only what was opened is in the page.
  const fill = () => inner.hasChildNodes() || more(inner, entries, 0, depth, wanted);
  const open = depth < OPEN_DEPTH || Boolean(wanted);
  const folded = h("details", { open, ontoggle: () => folded.open && fill() }, h("summary", name, h("span.quiet", many)), inner);
  if (open) fill();
  return folded;
}

function more(inner, entries, from, depth, wanted) {
  const end = from + PART;
  inner.append(...entries.slice(from, end).map(([key, child]) => branch(key, child, depth + 1, wanted)));
  if (entries.length <= end) return;
  const next = () => {
    rest.remove();
    more(inner, entries, end, depth, wanted);
  };
  const rest = button(`${entries.length - end} more`, next, { class: "bare" });
  inner.append(rest);
}

function leaf(value) {
  const kind = value === null ? "null" : value instanceof Exact ? "number" : typeof value;
  const text = kind === "string" ? JSON.stringify(value) : String(value);
  const shown = h(`span.tree-${kind}`);
  let end = 0;
  const showMore = () => {
    const begin = end;
    end = boundary(text, begin + (begin === 0 ? LONG : MORE));
    add(shown, text.slice(begin, end));
    rest.hidden = end >= text.length;
    put(rest, `… ${text.length - end} characters more`);
  };
  const rest = button("", showMore, { class: "bare" });
  showMore();
  return text.length > LONG ? [shown, rest] : shown;
}
