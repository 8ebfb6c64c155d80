// Elements made without markup: whatever an activity holds becomes text and nothing else.

import { visibleNode, visibleText } from "./visible.js";

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "g", "rect", "line", "path", "title", "text"]);

/** Attributes that people read. */
const READ = new Set(["title", "aria-label", "placeholder", "alt", "label"]);
const PROPERTIES = new Set(["value", "checked", "selected", "indeterminate"]);

/**
 * An element. Keys of `given`: `on...` are listeners, `class` and all others attributes; null and false leave one out. Every
 * text, as a child or in an attribute that people read, is shown with its hidden characters made visible; each text of a
 * list keeps its own direction.
 */
export function h(tag, given = {}, ...children) {
  const made = SVG_TAGS.has(tag) && tag !== "title" ? document.createElementNS(SVG, tag) : document.createElement(tag);
  return filled(made, given, children);
}

/** The title of a part of a drawing. */
export function svgTitle(text) {
  const made = document.createElementNS(SVG, "title");
  made.textContent = visibleText(text);
  return made;
}

function filled(made, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) made[name] = value;
    else if (READ.has(name)) made.setAttribute(name, visibleText(value));
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...(made.localName === "option" ? [visibleText(shown(children))] : nodes(children)));
  return made;
}

const shown = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
const nodes = (children) => shown(children).map((child) => (child instanceof Node ? child : visibleNode(String(child))));

/** Add children behind those that a node has. */
export const add = (node, ...children) => node.append(...nodes(children));

/** Put children in place of those that a node has. */
export function put(node, ...children) {
  node.replaceChildren(...nodes(children));
  return node;
}

/** The title of the page in the browser. */
export function setTitle(parts) {
  document.title = visibleText([parts, " · Casbah"]);
}

/** Tell everybody something, those who listen to a screen reader, too. */
export function say(text, kind = "") {
  const note = h("div", { class: `toast ${kind}` }, text);
  put(document.getElementById("say"), note);
  setTimeout(() => note.remove(), 6_000);
}

/** Call `run` once nothing has happened for `ms`. */
export function calmly(run, ms) {
  let waiting;
  return (...given) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => run(...given), ms);
  };
}

let floating = null;

/** Show a panel below an element until something else is clicked or Escape is pressed; the element gets the focus back. */
export function float(anchor, panel, { onclose = () => {}, label } = {}) {
  unfloat();
  const box = h("div", { class: "float", role: "dialog", "aria-label": label }, panel);
  document.body.append(box);
  anchor.setAttribute("aria-expanded", "true");
  const place = () => {
    // The anchor may have been redrawn meanwhile.
    if (!anchor.isConnected) return;
    const at = anchor.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left, innerWidth - box.offsetWidth - 8));
    const below = at.bottom + 4;
    const top = below + box.offsetHeight > innerHeight ? Math.max(8, innerHeight - box.offsetHeight - 8) : below;
    box.style.left = `${left}px`;
    box.style.top = `${top}px`;
  };
  const outside = (event) => {
    if (!box.contains(event.target) && !anchor.contains(event.target)) unfloat();
  };
  const key = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    unfloat();
    anchor.focus();
  };
  const size = new ResizeObserver(place);
  size.observe(box);
  document.addEventListener("pointerdown", outside, true);
  addEventListener("resize", place);
  box.addEventListener("keydown", key);
  floating = () => {
    size.disconnect();
    document.removeEventListener("pointerdown", outside, true);
    removeEventListener("resize", place);
    anchor.setAttribute("aria-expanded", "false");
    box.remove();
    onclose();
  };
  place();
  (box.querySelector("[autofocus]") ?? box.querySelector("input, select, button, a"))?.focus();
  return box;
}

/** Close the panel that floats, if one does. */
export function unfloat() {
  const close = floating;
  floating = null;
  close?.();
}

/** A dialog in the middle of the page; resolves with what `done` is given, or null where it was dismissed. */
export function dialog(title, build) {
  return new Promise((resolve) => {
    let answer = null;
    const box = h("dialog", { class: "modal", "aria-label": title });
    const done = (value) => {
      answer = value;
      box.close();
    };
    box.append(h("h2", {}, title), build(done));
    box.addEventListener("close", () => {
      box.remove();
      resolve(answer);
    });
    document.body.append(box);
    box.showModal();
  });
}

/** Copy a text, and say so. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied`);
  } catch {
    await dialog(`Copy ${what}`, (done) => [
      h("textarea", { rows: 8, readonly: true, "aria-label": what, value: text, autofocus: true }),
      h("div", { class: "row end" }, h("button", { onclick: () => done(null) }, "Close")),
    ].reduce((all, each) => (all.append(each), all), document.createDocumentFragment()));
  }
}
