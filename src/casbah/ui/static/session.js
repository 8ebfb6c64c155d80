import * as api from "./api.js";
import { button, h, onSubmit, put, quiet, sure, template, toast } from "./dom.js";

const FRAGMENT = "#token=";
const FAILED = {
  "#sign-in=refused": "Sign-in was refused. The server's log has the reason.",
  "#sign-in=away": "Cannot reach the issuer. Try again.",
};

/** A token must not stay in the URL and the history. */
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
    toast(reason(error, "The token of that link"), "bad");
  }
}

const reason = ({ status, message }, token) => (status === 401 ? `${token} is unknown, expired or revoked.` : message);

/** Its sender may own the token, and would see what is saved and exported with it. */
async function agrees(token) {
  const [link, session] = await Promise.all([api.bearerOf(token), api.session({ signingIn: true }).catch(() => null)]);
  const text = [
    h("p", `This link signs you in at ${location.host} with the token “${link.name}” of the tenant “${link.tenant}”.`),
    template("warning").node,
    session && h("p", `You are signed in as “${session.name}” of the tenant “${session.tenant}”. That session ends.`),
  ];
  return sure("Sign in by a link?", "Sign in", { text, kind: "primary" });
}

export function signInForm(done) {
  const { node, elsewhere, token, message } = template("sign-in");
  offer(elsewhere).catch(() => {});
  return onSubmit(node, async () => {
    put(message);
    try {
      await api.signIn(token.value.trim());
      done();
    } catch (error) {
      put(message, reason(error, "That token"));
      token.select();
    }
  });
}

async function offer(box) {
  const { issuer } = await api.ways();
  if (!issuer) return;
  const href = api.atIssuer(location.pathname + location.search);
  put(box, h("a.button", { href, target: "_self" }, `Sign in at ${new URL(issuer).host}`), quiet("or with a token"));
}

export function whoami({ name, tenant, scopes }, out) {
  const leave = () => api.signOut().catch(() => {}).then(out);
  return [h("span.quiet", { title: scopes.join(", ") }, `${name} · ${tenant}`), button("Sign out", leave, { class: "bare" })];
}
