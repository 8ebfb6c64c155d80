// Suggestions below the search box, with exact counts. The box keeps the focus (ARIA: combobox).

import * as api from "./api.js";
import { activate, debounce, h, put } from "./dom.js";
import { counted, zoneName } from "./words.js";

const SUGGESTED = 12;

/** `filters(text)` resolves to those that hold beside the text; `onerror(null)` says that it can be completed. */
export function completion(box, { filters, onerror }) {
  const list = h("ul", { id: "completions", class: "completions", role: "listbox", "aria-label": "Suggestions", hidden: true });
  const latest = new api.Latest();
  const state = { start: 0, end: 0, suggestions: [], active: -1, awaited: false };
  box.setAttribute("aria-controls", list.id);

  const close = () => {
    latest.begin();
    state.awaited = false;
    show([]);
  };
  const show = (suggestions) => {
    Object.assign(state, { suggestions });
    put(list, suggestions.map(option));
    list.hidden = !suggestions.length;
    box.ariaExpanded = !list.hidden;
    highlight(-1);
  };
  const highlight = (position) => {
    list.children[state.active]?.setAttribute("aria-selected", "false");
    state.active = position;
    list.children[position]?.setAttribute("aria-selected", "true");
    activate(box, list.children[position]);
  };
  const option = ({ text, label, total }, position) =>
    h(
      "li",
      { role: "option", id: `completion-${position}`, "aria-selected": false, onclick: () => take(position) },
      h("code", text),
      h("span.quiet.grow.cut", label),
      total !== null && h("span.number", counted(total)),
    );
  const suggest = async () => {
    const text = box.value;
    const cursor = [...text.slice(0, box.selectionStart)].length;
    const signal = latest.begin();
    try {
      const answer = await api.complete({ q: text, cursor, filters: await filters(text), zone: zoneName(), limit: SUGGESTED }, { signal });
      if (signal.aborted || box.value !== text) return;
      Object.assign(state, { start: answer.start, end: answer.end });
      show(document.activeElement === box ? answer.suggestions : []);
      onerror(null);
    } catch (error) {
      if (signal.aborted) return;
      show([]);
      onerror(error);
    }
  };
  /** What is still to be typed after a suggestion is suggested next. */
  const take = (position) => {
    const { text, complete } = state.suggestions[position];
    const characters = [...box.value];
    const after = characters.slice(state.end).join("");
    const before = characters.slice(0, state.start).join("") + text + (complete && !after ? " " : "");
    box.value = before + after;
    box.setSelectionRange(before.length, before.length);
    close();
    if (!complete) suggest();
  };
  const soon = debounce(() => state.awaited && document.activeElement === box && suggest(), 100);
  const step = (by) => {
    if (list.hidden) return void suggest();
    const last = state.suggestions.length - 1;
    highlight(by > 0 ? (state.active >= last ? -1 : state.active + 1) : state.active < 0 ? last : state.active - 1);
  };
  const accept = () => (state.active < 0 ? false : take(state.active));
  const keys = { ArrowDown: () => step(1), ArrowUp: () => step(-1), Escape: () => (list.hidden ? false : close()), Enter: accept, Tab: accept };

  box.addEventListener("input", () => {
    if (!box.value) return close();
    state.awaited = true;
    soon();
  });
  box.addEventListener("blur", close);
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  /** Whether a key was one for the list. */
  const key = (event) => {
    if (event.isComposing || event.shiftKey || !(event.key in keys) || keys[event.key]() === false) return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  return { node: list, key, close };
}
