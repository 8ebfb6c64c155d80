import * as api from "./api.js";
import { button, buttons, dialog, field, form, h, put, quiet, toast } from "./dom.js";

const FRAGMENT = "#token=";

const FAILED = {
  "#sign-in=refused": "Sign-in was refused. The server's log has the reason.",
  "#sign-in=away": "Cannot reach the issuer. Try again.",
};

export async function fromAddress() {
  const { hash, pathname, search } = location;
  const hasToken = hash.startsWith(FRAGMENT);
  if (hasToken || FAILED[hash]) history.replaceState(null, "", pathname + search);
  if (FAILED[hash]) toast(FAILED[hash], "bad");
  if (!hasToken) return;
  try {
    const token = decodeURIComponent(hash.slice(FRAGMENT.length));
    if (await agrees(token)) await api.signIn(token);
  } catch (error) {
    toast(error.status === 401 ? "The token of that link is unknown, expired or revoked." : error.message, "bad");
  }
}

/** Its sender may own the token, and would see what is saved and exported with it. */
async function agrees(token) {
  const [link, session] = await Promise.all([api.bearerOf(token), api.session({ signingIn: true }).catch(() => null)]);
  return dialog("Sign in by a link?", (done) => [
    h("p", `This link signs you in at ${location.host} with the token “${link.name}” of the tenant “${link.tenant}”.`),
    h("p", "Its sender may have that token, and would see what you save and export with it. Continue only if you expected this link."),
    session && h("p", `You are signed in as “${session.name}” of the tenant “${session.tenant}”. That session ends.`),
    buttons(button("Cancel", () => done(), { autofocus: true }), h("button.primary", { onclick: () => done(true) }, "Sign in")),
  ]);
}

export function signInForm(done) {
  const token = h("input", { type: "password", autocomplete: "current-password", required: true, autofocus: true, "aria-describedby": "where", spellcheck: "false" });
  const message = h("p.wrong", { role: "alert" });
  const submit = async () => {
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
  return form(
    submit,
    { class: "card" },
    h("h1", "Sign in"),
    elsewhere,
    field("Token", token),
    h("p.quiet", { id: "where" }, "An administrator creates one with ", h("code", "casbah token create NAME"), "."),
    message,
    h("button.primary", "Sign in"),
  );
}

async function offer(box) {
  const { issuer } = await api.ways();
  if (!issuer) return;
  const href = api.atIssuer(location.pathname + location.search);
  put(box, h("a.button", { href, target: "_self" }, `Sign in at ${new URL(issuer).host}`), quiet("or with a token"));
}

export function whoami({ name, tenant, scopes }, out) {
  const leave = () => api.signOut().catch(() => {}).then(out);
  return [h("span.quiet", { title: scopes.join(", ") }, `${name} · ${tenant}`), h("button.bare", { onclick: leave }, "Sign out")];
}
