// Signing in with a token, and out again.

import * as api from "./api.js";
import { dialog, h, put, say } from "./dom.js";

const FRAGMENT = "#token=";

const FAILED = {
  "#sign-in=refused": "You were not let in. Whoever runs the server finds the reason in its log.",
  "#sign-in=away": "The issuer cannot be reached now; try again.",
};

/** Take a token that the address brings out of the address and of the history; sign in with it if the user agrees. */
export async function fromAddress() {
  const failed = FAILED[location.hash];
  if (failed) {
    history.replaceState(null, "", location.pathname + location.search);
    say(failed, "bad");
  }
  if (!location.hash.startsWith(FRAGMENT)) return;
  const fragment = location.hash.slice(FRAGMENT.length);
  history.replaceState(null, "", location.pathname + location.search);
  try {
    const token = decodeURIComponent(fragment);
    if (await agrees(token)) await api.signIn(token);
  } catch (error) {
    say(error.status === 401 ? "The token of that link is unknown, expired or revoked." : error.message, "bad");
  }
}

/** Whether to sign in by a link. Anybody can send one with a token of their own, and would see what is saved and exported with it. */
async function agrees(token) {
  const [link, session] = await Promise.all([api.bearerOf(token), api.session({ atTheDoor: true }).catch(() => null)]);
  const build = (done) => [
    h("p", {}, `This link signs you in at ${location.host} with the token “${link.name}” of the tenant “${link.tenant}”.`),
    h("p", {}, "Whoever sent it may have that token, and sees what you save and export with it. Go on only if you expected this link."),
    session && h("p", {}, `You are signed in as “${session.name}” of the tenant “${session.tenant}”. That session ends.`),
    h("div", { class: "row end" }, h("button", { autofocus: true, onclick: () => done(false) }, "Cancel"), h("button", { class: "primary", onclick: () => done(true) }, "Sign in")),
  ];
  return (await dialog("Sign in by a link?", (done) => h("div", {}, build(done)))) === true;
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
