// Elements without markup: content of activities only ever becomes text.

import { visibleNode, visibleText } from "./visible.js";

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "g", "rect"]);

const READ = new Set(["title", "aria-label", "placeholder", "alt"]);
const PROPERTIES = new Set(["value", "checked", "selected"]);

/**
 * An element: `h("p.quiet.small", { id: "help" }, "Text")`; without a tag a div. The attributes may be left out, but not before
 * a value of an activity, which could pose as them. null and false omit an attribute, but aria-* says false. Hidden characters
 * become visible in children and READ attributes; each text of a list keeps its own direction.
 */
export function h(selector, ...content) {
  const [tag, ...classes] = selector.split(".");
  const element = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag || "div");
  for (const name of classes) element.classList.add(name);
  if (isPlain(content[0])) for (const [name, value] of Object.entries(content.shift())) set(element, name, value);
  element.append(...(tag === "option" ? [visibleText(shown(content))] : nodes(content)));
  return element;
}

const isPlain = (value) => value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype;

function set(element, name, value) {
  if (value === null || value === undefined || (value === false && !name.startsWith("aria-"))) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "class") element.classList.add(...value.split(" "));
  else if (name === "style") Object.assign(element.style, value);
  else if (PROPERTIES.has(name)) element[name] = value;
  else if (READ.has(name)) element.setAttribute(name, visibleText(value));
  else element.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : String(value));
}

export function svgTitle(text) {
  const element = document.createElementNS(SVG, "title");
  element.textContent = visibleText(text);
  return element;
}

const shown = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
const nodes = (children) => shown(children).map((child) => (child instanceof Node ? child : visibleNode(String(child))));

export const add = (node, ...children) => node.append(...nodes(children));

export function put(node, ...children) {
  node.replaceChildren(...nodes(children));
  return node;
}

export const quiet = (...text) => h("p.quiet", {}, text);
export const field = (title, input) => h("label.field", title, input);
export const button = (text, onclick, attributes) => h("button", { onclick, ...attributes }, text);

/** A button without a frame for one of several things, whose name only screen readers say. */
export const small = (act, thing, onclick) => h("button.bare", { "aria-label": [`${act} `, thing], onclick }, act);

/** `open(button)` shows a popover. */
export const opener = (text, open, attributes) =>
  button(text, (event) => open(event.currentTarget), { "aria-haspopup": "dialog", "aria-expanded": false, ...attributes });

export const form = (submit, ...content) => {
  const node = h("form", ...content);
  node.addEventListener("submit", (event) => (event.preventDefault(), submit()));
  return node;
};

export const setTitle = (parts) => (document.title = visibleText([parts, " · Casbah"]));

export function toast(text, kind = "") {
  const note = h(".toast", { class: kind || null }, text);
  put(document.getElementById("say"), note);
  setTimeout(() => note.remove(), 6_000);
}

export const attempt = (run) => run().catch((error) => toast(error.message, "bad"));

export function debounce(run, ms) {
  let waiting;
  return (...args) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => run(...args), ms);
  };
}

/** Mark an option as active for screen readers; `box` keeps the focus. */
export function activate(box, option) {
  option?.scrollIntoView({ block: "nearest" });
  if (option) box.setAttribute("aria-activedescendant", option.id);
  else box.removeAttribute("aria-activedescendant");
}

let closeCurrent = null;

/** Show a panel below an element until a click elsewhere or Escape, which returns the focus to the element. */
export function popover(anchor, label, panel) {
  closePopover();
  const box = h(".float", { role: "dialog", "aria-label": label, tabindex: "-1" }, panel);
  const listening = new AbortController();
  const { signal } = listening;
  document.body.append(box);
  anchor.ariaExpanded = "true";
  const place = () => {
    // It may have been redrawn.
    if (!anchor.isConnected) return;
    const at = anchor.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left, innerWidth - box.offsetWidth - 8));
    const below = at.bottom + 4;
    const top = below + box.offsetHeight > innerHeight ? Math.max(8, innerHeight - box.offsetHeight - 8) : below;
    Object.assign(box.style, { left: `${left}px`, top: `${top}px` });
  };
  const outside = ({ target }) => box.contains(target) || anchor.contains(target) || closePopover();
  const key = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    closePopover();
    anchor.focus();
  };
  const size = new ResizeObserver(place);
  size.observe(box);
  document.addEventListener("pointerdown", outside, { capture: true, signal });
  addEventListener("resize", place, { signal });
  box.addEventListener("keydown", key);
  closeCurrent = () => {
    size.disconnect();
    listening.abort();
    anchor.ariaExpanded = "false";
    box.remove();
  };
  place();
  (box.querySelector("[autofocus]") ?? box.querySelector("input, select, button, a") ?? box).focus();
}

export function closePopover() {
  const close = closeCurrent;
  closeCurrent = null;
  close?.();
}

/** Resolves with the argument of `done`, or null if dismissed. */
export function dialog(title, build) {
  return new Promise((resolve) => {
    let answer = null;
    const box = h("dialog.modal", { "aria-label": title });
    const done = (value = null) => {
      answer = value;
      box.close();
    };
    add(box, h("h2", title), h("div", build(done)));
    box.addEventListener("close", () => {
      box.remove();
      resolve(answer);
    });
    document.body.append(box);
    box.showModal();
  });
}

export const buttons = (...all) => h(".row.end", all);

/** Resolves with what `read()` makes of the inputs; stays open if that is undefined, or fails. */
export const formDialog = (title, content, read, { act = "Save", kind = "primary" } = {}) =>
  dialog(title, (done) => {
    const problem = h("p.wrong", { role: "alert" });
    const last = buttons(button("Cancel", () => done(), { type: "button" }), h(`button.${kind}`, act));
    const submit = async () => {
      problem.remove();
      try {
        const answer = await read();
        if (answer !== undefined) done(answer);
      } catch (error) {
        last.before(put(problem, error.message));
      }
    };
    return form(submit, content, last);
  });

export const sure = (question, act) =>
  dialog(question, (done) => buttons(button("Cancel", () => done(), { autofocus: true }), h("button.danger", { onclick: () => done(true) }, act)));

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    await dialog(`Copy ${what}`, (done) => [
      h("textarea", { rows: 8, readonly: true, "aria-label": what, value: text, autofocus: true }),
      buttons(button("Close", () => done())),
    ]);
  }
}
