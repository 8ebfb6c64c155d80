import { button, buttons, dialog, h } from "./dom.js";

const LIST = {
  "/": "Search",
  t: "Choose the period",
  "j, ↓": "Next activity",
  "k, ↑": "Previous activity",
  Enter: "Open the activity",
  Escape: "Close the open activity or list",
  "?": "This list",
};

export const showKeys = () =>
  dialog("Keyboard shortcuts", (done) => [
    h("table.key-list", h("tbody", Object.entries(LIST).map(([key, what]) => h("tr", h("th", { scope: "row" }, h("kbd", key)), h("td", what))))),
    buttons(button("Close", () => done(), { autofocus: true })),
  ]);

/** The keys work except while something is typed or open; returns what ends that. */
export function logKeys({ step, period }) {
  const acts = { "/": () => document.querySelector(".bar [role=combobox]")?.focus(), t: period, j: () => step(1), k: () => step(-1), "?": showKeys };
  const pressed = (event) => {
    const isTyped = event.target.closest?.("input, select, textarea, dialog[open], .float");
    if (isTyped || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(acts, event.key)) return;
    event.preventDefault();
    acts[event.key]();
  };
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}
