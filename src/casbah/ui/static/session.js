// Signing in and out.

import * as api from "./api.js";
import { dialog, h, put, toast } from "./dom.js";

const FRAGMENT = "#token=";

const FAILED = {
  "#sign-in=refused": "Sign-in was refused. The server's log has the reason.",
  "#sign-in=away": "Cannot reach the issuer. Try again.",
};

/** Remove a token from the URL and the history, and sign in with it if the user agrees. */
export async function fromAddress() {
  const failed = FAILED[location.hash];
  if (failed) {
    history.replaceState(null, "", location.pathname + location.search);
    toast(failed, "bad");
  }
  if (!location.hash.startsWith(FRAGMENT)) return;
  const fragment = location.hash.slice(FRAGMENT.length);
  history.replaceState(null, "", location.pathname + location.search);
  try {
    const token = decodeURIComponent(fragment);
    if (await agrees(token)) await api.signIn(token);
  } catch (error) {
    toast(error.status === 401 ? "The token of that link is unknown, expired or revoked." : error.message, "bad");
  }
}

/** Ask whether to sign in by a link: its sender may own the token, and would see what is saved and exported with it. */
async function agrees(token) {
  const [link, session] = await Promise.all([api.bearerOf(token), api.session({ signingIn: true }).catch(() => null)]);
  const build = (done) => [
    h("p", {}, `This link signs you in at ${location.host} with the token “${link.name}” of the tenant “${link.tenant}”.`),
    h("p", {}, "Its sender may have that token, and would see what you save and export with it. Continue only if you expected this link."),
    session && h("p", {}, `You are signed in as “${session.name}” of the tenant “${session.tenant}”. That session ends.`),
    h("div", { class: "row end" }, h("button", { autofocus: true, onclick: () => done(false) }, "Cancel"), h("button", { class: "primary", onclick: () => done(true) }, "Sign in")),
  ];
  return (await dialog("Sign in by a link?", (done) => h("div", {}, build(done)))) === true;
}

/** The sign-in form; calls `done()` after a successful sign-in. */
export function signInForm(done) {
  const token = h("input", { type: "password", autocomplete: "current-password", required: true, autofocus: true, "aria-describedby": "where", spellcheck: "false" });
  const message = h("p", { class: "wrong", role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    put(message);
    try {
      await api.signIn(token.value.trim());
      done();
    } catch (error) {
      put(message, error.status === 401 ? "That token is unknown, expired or revoked." : error.message);
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
    h("p", { class: "quiet", id: "where" }, "An administrator creates one with ", h("code", {}, "casbah token create NAME"), "."),
    message,
    h("button", { class: "primary" }, "Sign in"),
  );
}

/** Offer sign-in at the issuer, if one is configured. */
async function offer(box) {
  const { issuer } = await api.ways();
  if (!issuer) return;
  const then = location.pathname + location.search;
  put(box, h("a", { class: "button", href: api.atIssuer(then), target: "_self" }, `Sign in at ${new URL(issuer).host}`), h("p", { class: "quiet" }, "or with a token"));
}

/** The signed-in user, and the sign-out button. */
export function whoami(caller, out) {
  const leave = async () => {
    await api.signOut().catch(() => {});
    out();
  };
  return [h("span", { class: "quiet", title: caller.scopes.join(", ") }, `${caller.name} · ${caller.tenant}`), h("button", { class: "bare", onclick: leave }, "Sign out")];
}
