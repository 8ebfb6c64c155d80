// Shown instead of a result: the kind of failure, the server's message, and a button to retry.

import { h } from "./dom.js";

const TOO_MANY = 429;

/** The heading for a failure. */
export function heading({ status }) {
  if (status === undefined) return "This page has a bug";
  if (status === 0) return "Cannot reach the server";
  if (status === 401) return "Session ended";
  return status >= 500 ? "Server error" : "Request failed";
}

/** A failure as an element, with a button for `retry` if another attempt can help. */
export function failure(error, retry) {
  const title = heading(error);
  const mayHelp = error.status === 0 || error.status === TOO_MANY || error.status >= 500;
  return h(
    "div",
    { class: "failure", role: "alert" },
    h("p", { class: "wrong" }, h("b", {}, title), error.message !== title && [": ", error.message]),
    mayHelp && h("button", { onclick: retry }, "Retry"),
  );
}
