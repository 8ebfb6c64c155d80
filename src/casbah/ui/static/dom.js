// Elements without markup: content of activities only ever becomes text.

import { isAborted } from "./api.js";
import { plain } from "./json.js";
import { visibleNode, visibleText } from "./visible.js";

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = ["svg", "g", "rect", "title"];
const TEXT_ONLY = ["option", "title"];
const READ = ["title", "aria-label"];
const PROPERTIES = ["value", "checked", "selected"];

/**
 * An element: `h("p.quiet.small", { id: "help" }, "Text")`; without a tag a div. The attributes may be left out, but not before
 * a value of an activity, which could pose as them. null and false omit an attribute, but aria-* says false. Hidden characters
 * become visible in children and READ attributes; each text of a list keeps its own direction.
 */
export function h(selector, ...content) {
  const [tag, ...classes] = selector.split(".");
  const element = SVG_TAGS.includes(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag || "div");
  element.classList.add(...classes);
  if (isPlain(content[0])) for (const [name, value] of Object.entries(content.shift())) set(element, name, value);
  element.append(...(TEXT_ONLY.includes(tag) ? [visibleText(shown(content))] : nodes(content)));
  return element;
}

const isPlain = (value) => value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype;
const isShown = (value) => (value ?? false) !== false;

function set(element, name, value) {
  const isAria = name.startsWith("aria-");
  if (!isShown(value) && !(isAria && value === false)) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "class") element.classList.add(...value.split(" "));
  else if (name === "style") Object.assign(element.style, value);
  else if (PROPERTIES.includes(name)) element[name] = value;
  else if (READ.includes(name)) element.setAttribute(name, visibleText(value));
  else element.setAttribute(name, value === true && !isAria ? "" : value);
}

const shown = (children) => children.flat(Infinity).filter(isShown);
const nodes = (children) => shown(children).map((child) => (child instanceof Node ? child : visibleNode(plain(child))));

export const add = (node, ...children) => node.append(...nodes(children));

export function put(node, ...children) {
  node.replaceChildren(...nodes(children));
  return node;
}

/** A copy of a template of index.html: its `node`, and its parts by name. */
export function template(id) {
  const copy = document.importNode(document.getElementById(id).content, true);
  const parts = [...copy.querySelectorAll("[data-as]")].map((part) => [part.dataset.as, part]);
  return { node: copy.firstElementChild, ...Object.fromEntries(parts) };
}

export const quiet = (...text) => h("p.quiet", {}, text);
export const bad = (...text) => h("span.wrong", {}, text);
export const warning = () => h("p.wrong", { role: "alert" });
export const field = (title, input) => h("label.field", title, input);
export const input = (attributes) => h("input", { type: "text", ...attributes });
export const select = (choices, chosen, attributes) => h("select", attributes, choices.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
export const button = (text, onclick, attributes) => h("button", { onclick, ...attributes }, text);

/** A button whose name only screen readers say. */
export const icon = (text, name, onclick, attributes) => button(text, onclick, { class: "bare", "aria-label": name, ...attributes });
export const small = (act, thing, onclick) => icon(act, [`${act} `, thing], onclick);

export const opener = (text, open, attributes) =>
  button(text, (event) => open(event.currentTarget), { "aria-haspopup": "dialog", "aria-expanded": false, ...attributes });

export function onSubmit(form, submit) {
  form.addEventListener("submit", (event) => (event.preventDefault(), submit()));
  return form;
}

export const form = (submit, ...content) => onSubmit(h("form", ...content), submit);

export const setTitle = (parts) => (document.title = visibleText([parts, " · Casbah"]));

export function toast(text, kind) {
  const note = h(".toast", { class: kind }, text);
  put(document.getElementById("say"), note);
  setTimeout(() => note.remove(), 6_000);
}

export const attempt = (run) => run().catch((error) => toast(error.message, "bad"));

export function heading({ status }) {
  if (status === undefined) return "This page has a bug";
  if (status === 0) return "Cannot reach the server";
  if (status === 401) return "Session ended";
  return status >= 500 ? "Server error" : "Request failed";
}

export function failure(error, retry) {
  const title = heading(error);
  const mayHelp = error.status === 0 || error.status === 429 || error.status >= 500;
  return h(".failure", { role: "alert" }, h("p.wrong", h("b", title), error.message !== title && [": ", error.message]), mayHelp && button("Retry", retry));
}

export const loader = (box, load, retry) =>
  async function run() {
    try {
      put(box, await load());
    } catch (error) {
      if (!isAborted(error)) put(box, failure(error, retry ?? run));
    }
  };

export function loading(load, text = "Loading …") {
  const box = h("div", quiet(text));
  loader(box, load)();
  return box;
}

export function debounce(run, ms) {
  let waiting;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(run, ms);
  };
}

/** Mark an option as active for screen readers; `box` keeps the focus. */
export function activate(box, option) {
  option?.scrollIntoView({ block: "nearest" });
  if (option) box.setAttribute("aria-activedescendant", option.id);
  else box.removeAttribute("aria-activedescendant");
}

let closeCurrent = () => {};
export const closePopover = () => closeCurrent();

/** Show a panel below an element until a click elsewhere or Escape, which returns the focus to the element. */
export function popover(anchor, label, panel) {
  closePopover();
  const box = h(".float", { role: "dialog", "aria-label": label, tabindex: "-1" }, panel);
  const listening = new AbortController();
  const { signal } = listening;
  document.body.append(box);
  anchor.ariaExpanded = "true";
  const fitting = (wanted, size, room) => `${Math.max(8, Math.min(wanted, room - size - 8))}px`;
  const place = () => {
    if (!anchor.isConnected) return;
    const at = anchor.getBoundingClientRect();
    box.style.left = fitting(at.left, box.offsetWidth, innerWidth);
    box.style.top = fitting(at.bottom + 4, box.offsetHeight, innerHeight);
  };
  const size = new ResizeObserver(place);
  size.observe(box);
  addEventListener("resize", place, { signal });
  document.addEventListener("pointerdown", ({ target }) => box.contains(target) || anchor.contains(target) || closePopover(), { capture: true, signal });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    closePopover();
    anchor.focus();
  });
  closeCurrent = () => {
    closeCurrent = () => {};
    size.disconnect();
    listening.abort();
    anchor.ariaExpanded = "false";
    box.remove();
  };
  place();
  (box.querySelector("[autofocus]") ?? box.querySelector("input, select, button, a") ?? box).focus();
}

/** Resolves with the argument of `done`, or null if dismissed. */
export const dialog = (title, build) =>
  new Promise((resolve) => {
    let answer = null;
    const onclose = () => {
      box.remove();
      resolve(answer);
    };
    const box = h("dialog.modal", { "aria-label": title, onclose });
    const done = (value = null) => {
      answer = value;
      box.close();
    };
    add(box, h("h2", title), h("div", build(done)));
    document.body.append(box);
    box.showModal();
  });

export const buttons = (...all) => h(".row.end", all);
export const cancel = (done, attributes) => button("Cancel", () => done(), attributes);

/** Resolves with what `read()` makes of the inputs; stays open if that is undefined, or fails. */
export const formDialog = (title, content, read, { act = "Save", kind = "primary" } = {}) =>
  dialog(title, (done) => {
    const problem = warning();
    const last = buttons(cancel(done, { type: "button" }), h(`button.${kind}`, act));
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

export const sure = (title, act, { kind = "danger", text } = {}) =>
  dialog(title, (done) => [text, buttons(cancel(done, { autofocus: true }), h(`button.${kind}`, { onclick: () => done(true) }, act))]);

export const notice = (title, content, ...others) => dialog(title, (done) => [content, buttons(others, button("Close", () => done(), { autofocus: true }))]);

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    await notice(`Copy ${what}`, h("textarea", { rows: 8, readonly: true, "aria-label": what, value: text, autofocus: true }));
  }
}
