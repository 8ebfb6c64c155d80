// Elements built without markup: content of activities only ever becomes text.

import { visibleNode, visibleText } from "./visible.js";

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "g", "rect", "line", "path", "title", "text"]);

/** Attributes that people read. */
const READ = new Set(["title", "aria-label", "placeholder", "alt", "label"]);
const PROPERTIES = new Set(["value", "checked", "selected", "indeterminate"]);

/**
 * Create an element. Keys `on...` of `attributes` are listeners, all others attributes; null and false omit one. In children
 * and in attributes that people read, hidden characters are made visible; each text of a list keeps its own direction.
 */
export function h(tag, attributes = {}, ...children) {
  const element = SVG_TAGS.has(tag) && tag !== "title" ? document.createElementNS(SVG, tag) : document.createElement(tag);
  return filled(element, attributes, children);
}

/** A title element inside an SVG. */
export function svgTitle(text) {
  const element = document.createElementNS(SVG, "title");
  element.textContent = visibleText(text);
  return element;
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) element[name] = value;
    else if (READ.has(name)) element.setAttribute(name, visibleText(value));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...(element.localName === "option" ? [visibleText(shown(children))] : nodes(children)));
  return element;
}

const shown = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
const nodes = (children) => shown(children).map((child) => (child instanceof Node ? child : visibleNode(String(child))));

/** Append children to a node. */
export const add = (node, ...children) => node.append(...nodes(children));

/** Replace the children of a node. */
export function put(node, ...children) {
  node.replaceChildren(...nodes(children));
  return node;
}

/** Set the title of the document. */
export function setTitle(parts) {
  document.title = visibleText([parts, " · Casbah"]);
}

/** Show a brief message, also announced by screen readers. */
export function toast(text, kind = "") {
  const note = h("div", { class: `toast ${kind}` }, text);
  put(document.getElementById("say"), note);
  setTimeout(() => note.remove(), 6_000);
}

/** `run`, delayed until it has not been called for `ms`. */
export function debounce(run, ms) {
  let waiting;
  return (...args) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => run(...args), ms);
  };
}

let closeCurrent = null;

/** Show a panel below an element until a click elsewhere or Escape, which returns the focus to the element. */
export function popover(anchor, panel, { onclose = () => {}, label } = {}) {
  closePopover();
  const box = h("div", { class: "float", role: "dialog", "aria-label": label, tabindex: "-1" }, panel);
  document.body.append(box);
  anchor.setAttribute("aria-expanded", "true");
  const place = () => {
    // The anchor may have been redrawn.
    if (!anchor.isConnected) return;
    const at = anchor.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left, innerWidth - box.offsetWidth - 8));
    const below = at.bottom + 4;
    const top = below + box.offsetHeight > innerHeight ? Math.max(8, innerHeight - box.offsetHeight - 8) : below;
    box.style.left = `${left}px`;
    box.style.top = `${top}px`;
  };
  const outside = (event) => {
    if (!box.contains(event.target) && !anchor.contains(event.target)) closePopover();
  };
  const key = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    closePopover();
    anchor.focus();
  };
  const size = new ResizeObserver(place);
  size.observe(box);
  document.addEventListener("pointerdown", outside, true);
  addEventListener("resize", place);
  box.addEventListener("keydown", key);
  closeCurrent = () => {
    size.disconnect();
    document.removeEventListener("pointerdown", outside, true);
    removeEventListener("resize", place);
    anchor.setAttribute("aria-expanded", "false");
    box.remove();
    onclose();
  };
  place();
  (box.querySelector("[autofocus]") ?? box.querySelector("input, select, button, a") ?? box).focus();
  return box;
}

/** Close the open popover, if any. */
export function closePopover() {
  const close = closeCurrent;
  closeCurrent = null;
  close?.();
}

/** A modal dialog; resolves with the argument of `done`, or null if dismissed. */
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

/** The last row of a dialog with a form: a button that dismisses it, and one that submits the form. */
export const formButtons = (done, act, kind = "primary") =>
  h("div", { class: "row end" }, h("button", { type: "button", onclick: () => done(null) }, "Cancel"), h("button", { class: kind }, act));

/** Copy a text to the clipboard and confirm it. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    await dialog(`Copy ${what}`, (done) => [
      h("textarea", { rows: 8, readonly: true, "aria-label": what, value: text, autofocus: true }),
      h("div", { class: "row end" }, h("button", { onclick: () => done(null) }, "Close")),
    ].reduce((all, child) => (all.append(child), all), document.createDocumentFragment()));
  }
}
