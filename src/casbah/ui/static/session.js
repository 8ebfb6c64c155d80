// Signing in with a token, and out again.

import * as api from "./api.js";
import { h, put, say } from "./dom.js";

const FRAGMENT = "#token=";

const FAILED = {
  "#sign-in=refused": "You were not let in. Whoever runs the server finds the reason in its log.",
  "#sign-in=away": "The issuer cannot be reached now; try again.",
};

/** Sign in with the token that the address brings, if it brings one, and take it out of the address and of the history. */
export async function fromAddress() {
  const failed = FAILED[location.hash];
  if (failed) {
    history.replaceState(null, "", location.pathname + location.search);
    say(failed, "bad");
  }
  if (!location.hash.startsWith(FRAGMENT)) return;
  const token = decodeURIComponent(location.hash.slice(FRAGMENT.length));
  history.replaceState(null, "", location.pathname + location.search);
  try {
    await api.signIn(token);
  } catch (error) {
    say(error.message, "bad");
  }
}

/** The form; `done()` is called once somebody is signed in. */
export function signInForm(done) {
  const token = h("input", { type: "password", autocomplete: "current-password", required: true, autofocus: true, "aria-describedby": "where", spellcheck: "false" });
  const wrong = h("p", { class: "wrong", role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    put(wrong);
    try {
      await api.signIn(token.value.trim());
      done();
    } catch (error) {
      put(wrong, error.status === 401 ? "That token is unknown, expired or revoked." : error.message);
      token.select();
    }
  };
  const elsewhere = h("div");
  offer(elsewhere).catch(() => {});
  return h(
    "form",
    { class: "card", onsubmit: submit },
    h("h1", {}, "Sign in"),
    elsewhere,
    h("label", { class: "field" }, "Token", token),
    h("p", { class: "quiet", id: "where" }, "An administrator makes one with ", h("code", {}, "casbah token create NAME"), "."),
    wrong,
    h("button", { class: "primary" }, "Sign in"),
  );
}

/** The way to the issuer, if people can sign in at one. */
async function offer(box) {
  const { issuer } = await api.ways();
  if (!issuer) return;
  const then = location.pathname + location.search;
  put(box, h("a", { class: "button", href: api.atIssuer(then), target: "_self" }, `Sign in at ${new URL(issuer).host}`), h("p", { class: "quiet" }, "or with a token"));
}

/** Who is signed in, and the way out. */
export function whoami(said, out) {
  const leave = async () => {
    await api.signOut().catch(() => {});
    out();
  };
  return [h("span", { class: "quiet", title: said.scopes.join(", ") }, `${said.name} · ${said.tenant}`), h("button", { class: "bare", onclick: leave }, "Sign out")];
}
