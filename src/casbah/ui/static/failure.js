import { isAborted } from "./api.js";
import { button, h, put } from "./dom.js";

const TOO_MANY = 429;

export function heading({ status }) {
  if (status === undefined) return "This page has a bug";
  if (status === 0) return "Cannot reach the server";
  if (status === 401) return "Session ended";
  return status >= 500 ? "Server error" : "Request failed";
}

/** With a button for `retry` if another attempt can help. */
export function failure(error, retry) {
  const title = heading(error);
  const mayHelp = error.status === 0 || error.status === TOO_MANY || error.status >= 500;
  return h(
    ".failure",
    { role: "alert" },
    h("p.wrong", h("b", title), error.message !== title && [": ", error.message]),
    mayHelp && button("Retry", retry),
  );
}

/** A function that fills a box with what `load()` resolves to, or with the failure and a button for `retry`. */
export const loader = (box, load, retry) =>
  async function run() {
    try {
      put(box, await load());
    } catch (error) {
      if (!isAborted(error)) put(box, failure(error, retry ?? run));
    }
  };

export function loading(load, text = "Loading …") {
  const box = h("div", h("p.quiet", text));
  loader(box, load)();
  return box;
}
