// Suggestions below the search box, which keeps the focus (ARIA: combobox).

import * as api from "./api.js";
import { activate, debounce, h, put } from "./dom.js";
import { counted, zoneName } from "./words.js";

const SUGGESTED = 12;

/** `filters(text)` resolves to those beside the text; `onerror(null)`: it can be completed. */
export function completion(box, list, { filters, onerror }) {
  const begin = api.latest();
  const state = { suggestions: [], active: -1 };

  const close = () => {
    begin();
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
  const option = ({ text, label, total }, position) => {
    const content = [h("code", text), h("span.quiet.grow.cut", label), total !== null && h("span.number", counted(total))];
    return h("li", { role: "option", id: `completion-${position}`, "aria-selected": false, onclick: () => take(position) }, content);
  };
  const suggest = async () => {
    const q = box.value;
    const cursor = [...q.slice(0, box.selectionStart)].length;
    const signal = begin();
    try {
      const { start, end, suggestions } = await api.complete({ q, cursor, filters: await filters(q), zone: zoneName(), limit: SUGGESTED }, { signal });
      if (signal.aborted || box.value !== q) return;
      Object.assign(state, { start, end });
      show(document.activeElement === box ? suggestions : []);
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
  const accept = () => state.active >= 0 && take(state.active);
  const keys = { ArrowDown: () => step(1), ArrowUp: () => step(-1), Escape: () => !list.hidden && close(), Enter: accept, Tab: accept };

  box.oninput = () => {
    if (!box.value) return close();
    state.awaited = true;
    soon();
  };
  box.onblur = close;
  list.onpointerdown = (event) => event.preventDefault();
  const key = (event) => {
    if (event.isComposing || event.shiftKey || !(event.key in keys) || keys[event.key]() === false) return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  return { key, close };
}
