import { auditPage, deletionPage, exportsPage, rejectsPage, retentionPage } from "./admin.js";
import * as api from "./api.js";
import { button, closePopover, failure, h, opener, popover, put, setTitle, template, toast } from "./dom.js";
import { entityPage } from "./entity.js";
import { groupsPage } from "./groups.js";
import { learn } from "./language.js";
import { log, showKeys } from "./log.js";
import { namesPage, pushesPage, queriesPage, rangesPage, sourcesPage, tokensPage } from "./pages.js";
import { entityHere, follow, KINDS } from "./place.js";
import { evidencePage } from "./proof.js";
import { fromAddress, signInForm, whoami } from "./session.js";

const PAGES = {
  "/": log,
  "/groups": groupsPage,
  "/queries": queriesPage,
  "/sources": sourcesPage,
  "/ranges": rangesPage,
  "/names": namesPage,
  "/tokens": tokensPage,
  "/exports": exportsPage,
  "/audit": auditPage,
  "/retention": retentionPage,
  "/deletion": deletionPage,
  "/evidence": evidencePage,
  "/pushes": pushesPage,
  "/rejects": rejectsPage,
};

/** `first` ones are always visible, one of the scopes in `needs` is enough. */
const VIEWS = [...template("pages").node.children].map((link) => {
  const [path, title, needs] = [link.pathname, link.textContent, link.dataset.needs?.split(" ")];
  return { path, title, needs, first: link.className === "first", make: PAGES[path] };
});

const MISSING = { path: "", title: "No such page", make: () => notice("No such page", "There is nothing at ", h("code.break", location.pathname), ".") };

const [main, nav, who] = ["main", "nav", "who"].map((id) => document.getElementById(id));
let me = null;
let form = null;
let shown = {};

const here = () => entityView() ?? VIEWS.find((view) => view.path === (location.pathname.replace(/\/+$/, "") || "/")) ?? MISSING;

function entityView() {
  const entity = entityHere();
  return entity && { path: location.pathname + location.search, title: [KINDS[entity.kind].title, " ", entity.value], make: (context) => entityPage(entity, context) };
}

function notice(title, ...text) {
  const node = h(".page", h("h1", title), h("p", text), h("p", h("a.button", { href: "/" }, "Go to the activities")));
  return { node, draw: () => {} };
}

const forbidden = ({ title, needs }) => () => notice(title, "This page needs a token with the permission ", needs.join(" or "), ".");

function links(wanted) {
  const permitted = VIEWS.filter(isPermitted);
  const link = (view) => h("a", { class: view.first && "first", href: view.path, "aria-current": view === wanted ? "page" : null }, view.title);
  const open = (menu) => {
    const items = [...permitted.map(link), h("a", { href: "/docs", target: "_blank" }, "API"), button("Keyboard shortcuts", showKeys)];
    for (const item of items) item.classList.add("item");
    popover(menu, "Pages", h(".menu.pages", { onclick: (event) => event.target.closest(".item") && closePopover() }, items));
    items.find((item) => item.getClientRects().length)?.focus();
  };
  return [permitted.filter((view) => view.first || view === wanted).map(link), opener("Menu", open, { class: "menu-button" })];
}

const may = (scope) => me.scopes.includes(scope);
const isPermitted = ({ needs }) => !needs || needs.some(may);

function draw() {
  if (!me) return;
  const wanted = here();
  if (shown.path !== wanted.path) {
    closePopover();
    put(nav, links(wanted));
    shown.view?.leave?.();
    const make = isPermitted(wanted) ? wanted.make : forbidden(wanted);
    shown = { path: wanted.path, view: make({ mayProve: Boolean(me.proofs), mayManage: may("Investigation.manage"), may }) };
    setTitle(wanted.title);
    put(main, shown.view.node);
  }
  shown.view.draw();
}

/** Several requests may find the session ended; the first shows the form. */
function ask({ ended = false } = {}) {
  if (form?.isConnected) return;
  closePopover();
  shown.view?.leave?.();
  shown = {};
  me = null;
  put(nav);
  put(who);
  form = signInForm(begin);
  put(main, ended && h("p.notice.wrong", { role: "alert" }, "Your session has ended. Sign in again."), form);
  main.querySelector("input").focus();
}

async function begin() {
  try {
    me = await api.session();
    await learn();
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
addEventListener("popstate", draw);
api.onSignedOut(() => ask({ ended: me !== null }));
await fromAddress();
await begin();
