// Selects the view for the URL, and handles sign-in.

import * as api from "./api.js";
import { h, put, toast, setTitle, closePopover } from "./dom.js";
import { entityPage } from "./entity.js";
import { failure } from "./failure.js";
import { groupsPage } from "./groups.js";
import { learn } from "./language.js";
import { log } from "./log.js";
import { queriesPage, rangesPage, sourcesPage, tokensPage } from "./pages.js";
import { prepare } from "./period.js";
import { entityHere, follow, KINDS, onMove } from "./place.js";
import { fromAddress, signInForm, whoami } from "./session.js";

const MANAGE = "Investigation.manage";
const TOKENS = "Tokens.manage";

const VIEWS = [
  { path: "/", title: "Activities", make: log },
  { path: "/groups", title: "Groups", make: groupsPage },
  { path: "/queries", title: "Queries", make: queriesPage },
  { path: "/sources", title: "Sources", make: sourcesPage },
  { path: "/ranges", title: "IP ranges", make: rangesPage },
  { path: "/tokens", title: "Tokens", make: tokensPage, needs: TOKENS },
];

const main = document.getElementById("main");
const nav = document.getElementById("nav");
const who = document.getElementById("who");
let me = null;
let form = null;
let shown = { path: null, view: null };

const here = () => entityView() ?? VIEWS.find((view) => view.path === (location.pathname.replace(/\/+$/, "") || "/")) ?? VIEWS[0];

/** The view of a user, an address, a session, a file or an app, if the URL is one's. */
function entityView() {
  const entity = entityHere();
  return entity && { path: location.pathname + location.search, title: [KINDS[entity.kind].title, " ", entity.value], make: (context) => entityPage(entity, context) };
}

function draw() {
  if (!me) return;
  const wanted = here();
  put(nav, VIEWS.filter((view) => !view.needs || me.scopes.includes(view.needs)).map((view) => h("a", { href: view.path, "aria-current": view === wanted ? "page" : null }, view.title)), h("a", { href: "/docs", target: "_blank" }, "API"));
  if (shown.path !== wanted.path) {
    closePopover();
    shown.view?.leave?.();
    shown = { path: wanted.path, view: wanted.make({ mayManage: me.scopes.includes(MANAGE) }) };
    setTitle(wanted.title);
    put(main, shown.view.node);
  }
  shown.view.draw();
}

/** Show the sign-in form; `ended` if there was a session. Several requests may find it ended; the first shows the form. */
function ask({ ended = false } = {}) {
  if (form?.isConnected) return;
  closePopover();
  shown.view?.leave?.();
  shown = { path: null, view: null };
  me = null;
  put(nav);
  put(who);
  form = signInForm(begin);
  put(main, ended && h("p", { class: "notice wrong", role: "alert" }, "Your session has ended. Sign in again."), form);
  main.querySelector("input").focus();
}

async function begin() {
  try {
    me = await api.session();
    await Promise.all([learn(), prepare()]);
  } catch (error) {
    if (error.status !== 401) put(main, failure(error, begin));
    return;
  }
  put(who, whoami(me, () => ask()));
  draw();
}

addEventListener("unhandledrejection", (event) => {
  if (!api.isAborted(event.reason ?? {})) toast(String(event.reason?.message ?? event.reason), "bad");
});
document.addEventListener("click", follow);
onMove(draw);
api.onSignedOut(() => ask({ ended: me !== null }));
await fromAddress();
await begin();
