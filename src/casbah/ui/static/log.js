// The activity log.

import * as api from "./api.js";
import { appOf, badges, COLUMNS, initials, isFailed, seriesOf, short, show as showColumns, shown as shownColumns, titleOf } from "./columns.js";
import { button, buttons, copy, dialog, h, opener, popover, put, quiet, setTitle } from "./dom.js";
import { activityDrawer } from "./drawer.js";
import { exportButton } from "./export.js";
import { facets } from "./facets.js";
import { failure, heading } from "./failure.js";
import { filterBar } from "./filters.js";
import { histogram } from "./histogram.js";
import { stringify } from "./json.js";
import { logKeys } from "./keys.js";
import { learnFrom } from "./language.js";
import { NO_ACTIVITIES } from "./pages.js";
import { atTime, periodOf } from "./period.js";
import { address, entityAddress, go, groupsOf, here, KINDS, withCondition } from "./place.js";
import { remember, savedQueries } from "./saved.js";
import { timeBar } from "./timebar.js";
import { activities, counted, sentence } from "./words.js";

const PAGE = 100;
const FITTING = 7;
const ASK_FOR_NEW_MS = 15_000;
const SORT_KEYS = { date: "timestamp", created: "created" };

const density = () => localStorage.getItem("density") ?? "cosy";

export function log({ mayProve }) {
  const bar = filterBar();
  const bars = histogram();
  const top = facets();
  const time = timeBar(load);
  const details = activityDrawer({ mayProve });
  const total = h("h1.total", { "aria-live": "polite" });
  const about = h("span");
  const fresh = h("button.fresh", { hidden: true, onclick: () => load() });
  const head = h("thead", { role: "rowgroup" });
  const body = h("tbody", { role: "rowgroup", onkeydown: move });
  // Cards on narrow screens: roles keep the meaning of a table.
  const table = h("table", { role: "table", class: density() }, h("caption.unseen", "Activities"), head, body);
  const scroll = h(".scroll", { tabindex: "0", role: "region", "aria-label": "Table of activities" }, table);
  const rest = h(".rest");
  // Narrow screens show the first activities; what is around them unfolds.
  const toggle = () => (unfold.ariaExpanded = node.classList.toggle("unfolded"));
  const unfold = h("button.unfold", { "aria-expanded": false, onclick: toggle }, h("span.wide", "Top values"), h("span.narrow", "Chart and filters"));
  const latest = new api.Latest();
  const state = { key: null, rows: [], ids: new Set(), total: null, filters: {}, ended: true, loading: false, mark: null };

  const filtersNow = () => state.filters;
  const tools = [savedQueries(), exportButton(filtersNow, () => state.total), button("API", () => showRequest(state.filters)), opener("View", (anchor) => viewMenu(anchor, redraw))];
  const node = h(
    ".log",
    time.node,
    bar.node,
    h(".row.wrap.tools", total, about, fresh, h("span.grow"), unfold, h(".row.wrap.fold", tools)),
    h(".columns", h(".middle", bars.node, scroll, rest), top.node, details.node),
  );
  const stopKeys = logKeys({ step: focusRow, period: time.open });
  node.addEventListener("keydown", (event) => event.key === "Escape" && here().open && go({ open: null }));

  const onScreen = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && next(), { rootMargin: "600px" });
  onScreen.observe(rest);
  const ask = () => document.hidden || askForNew();
  const asking = setInterval(ask, ASK_FOR_NEW_MS);
  document.addEventListener("visibilitychange", ask);

  const setBusy = (busy, ...parts) => parts.forEach((part) => (part.ariaBusy = busy || null));

  async function load() {
    const view = here();
    const signal = latest.begin();
    Object.assign(state, { key: keyOf(view), rows: [], ids: new Set(), ended: true, loading: true });
    fresh.hidden = true;
    setBusy(true, total, table, bars.node, top.node);
    setTitle(sentence(view.filters));
    put(about, pageLink(view.filters));
    time.draw(null);
    try {
      const period = await periodOf(view, signal);
      Object.assign(state, { period, filters: period.filters });
      time.draw(period);
      const page = await api.list({ filters: state.filters, sortField: view.sort, sortDirection: view.direction, limit: PAGE }, { signal });
      remember(view.filters);
      state.total = page.total;
      put(total, activities(page.total));
      put(body);
      drawHead(view);
      add(page);
    } catch (error) {
      if (!api.isAborted(error)) showFailure(error);
      return;
    }
    setBusy(false, total, table);
    // Only now: the rows matter most, and these requests would compete with them.
    for (const part of [bars, top]) loadPart(part, signal);
  }

  function showFailure(error) {
    Object.assign(state, { loading: false, total: null });
    put(total, heading(error));
    for (const part of [head, body]) put(part);
    for (const part of [bars, top]) part.clear();
    put(rest, failure(error, load));
    setBusy(false, total, table, bars.node, top.node);
  }

  async function loadPart(part, signal) {
    try {
      await part.load(state.filters, signal, state.period);
    } catch (error) {
      if (api.isAborted(error)) return;
      part.clear(failure(error, () => loadPart(part, signal)));
    }
    setBusy(false, part.node);
  }

  /** From the timestamp of the last row, skipping the rows shown that share it. */
  async function next() {
    if (state.ended || state.loading || !state.rows.length) return;
    state.loading = true;
    const { sort, direction } = here();
    const key = SORT_KEYS[sort];
    const last = Number(state.rows.at(-1)[key]);
    const skip = state.rows.filter((row) => Number(row[key]) === last).length;
    const filters = withCondition(state.filters, sort, direction === "desc" ? "lte" : "gte", [last]);
    try {
      add(await api.list({ filters, sortField: sort, sortDirection: direction, limit: PAGE, skip }));
    } catch (error) {
      Object.assign(state, { loading: false, ended: true });
      put(rest, failure(error, () => {
        state.ended = false;
        next();
      }));
    }
  }

  function add(page) {
    const added = page.data.filter((record) => !state.ids.has(record._id));
    for (const record of added) state.ids.add(record._id);
    learnFrom(added);
    state.rows.push(...added);
    body.append(...added.map(row));
    Object.assign(state, { ended: !page.hasNext, loading: false });
    const note = state.ended ? "End of results." : `${counted(state.rows.length)} shown`;
    put(rest, state.total === 0 ? nothing() : quiet(note), !state.ended && button("Show more", next));
    mark(here().open);
    // Observe again, as the end of the table may still be visible.
    onScreen.unobserve(rest);
    onScreen.observe(rest);
  }

  async function askForNew() {
    if (state.loading || state.total === null) return;
    const { filters } = state;
    try {
      const now = await api.list({ filters, limit: 1 });
      if (filters !== state.filters || state.total === null) return;
      const more = now.total - state.total;
      fresh.hidden = more <= 0;
      put(fresh, `${counted(Math.max(more, 0))} new`);
    } catch {
      // The next poll is soon, and a persistent problem shows at the next query.
    }
  }

  function drawHead({ sort, direction }) {
    const isDown = direction === "desc";
    const turn = () => go({ direction: isDown ? "asc" : "desc", open: null });
    const ordered = sort === "date" ? "time" : "stored";
    const cells = shownColumns().map((column) => {
      const [isOrdered, title] = [column.id === ordered, titleOf(column)];
      const attributes = { scope: "col", role: "columnheader", class: `of-${column.id}`, "aria-sort": isOrdered ? (isDown ? "descending" : "ascending") : null };
      return h("th", attributes, isOrdered ? h("button.bare", { title: "Reverse the order", onclick: turn }, title, isDown ? " ↓" : " ↑") : title);
    });
    table.classList.toggle("many", cells.length > FITTING);
    put(head, h("tr", { role: "row" }, cells));
  }

  function row(record) {
    const cells = shownColumns().map(({ id, value, full = value }, position) => {
      const text = short(value(record));
      const isFirst = position === 0;
      const inner = isFirst ? h("a.open", { href: address({ ...here(), open: record._id }) }, text || "open") : text;
      const before = id === "app" ? text && appIcon(record) : id === "activity" && badges(record).map(({ kind, text }) => h(`span.badge.${kind}`, text));
      return h("td", { role: "cell", class: `of-${id}`, title: short(full(record)) }, before, inner);
    });
    const opened = (event) => event.target.closest("a") || getSelection()?.toString() || go({ open: record._id });
    return h("tr", { role: "row", class: isFailed(record) ? "failed" : null, "data-id": record._id, onclick: opened }, cells);
  }

  /** From the row that has the focus, or is open, or else to the first. */
  function focusRow(step) {
    const current = document.activeElement?.closest(".log tbody tr") ?? body.querySelector("tr.marked");
    const target = current ? (step > 0 ? current.nextElementSibling : current.previousElementSibling) : body.firstElementChild;
    target?.querySelector("a.open")?.focus();
    if (target && here().open) go({ open: target.dataset.id }, { replace: true });
  }

  function move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    focusRow(step);
  }

  const rowOf = (id) => id && body.querySelector(`tr[data-id="${CSS.escape(id)}"]`);

  function mark(id) {
    for (const row of body.querySelectorAll("tr.marked")) row.classList.remove("marked");
    rowOf(id)?.classList.add("marked");
  }

  async function open(id) {
    if (state.mark === id) return;
    const before = state.mark;
    state.mark = id;
    mark(id);
    node.classList.toggle("with-drawer", Boolean(id));
    if (!id) {
      details.show(null);
      if (!document.activeElement?.closest(".drawer, table, dialog")) rowOf(before)?.querySelector("a.open").focus({ preventScroll: true });
      return;
    }
    const loaded = state.rows.find((row) => row._id === id);
    try {
      const record = loaded ?? (await api.fetchOne(id));
      if (state.mark !== id) return;
      details.show(record);
      if (!document.activeElement?.closest("tbody") || !before) details.node.focus({ preventScroll: true });
    } catch (error) {
      if (state.mark !== id) return;
      details.showFailure(error, () => {
        state.mark = null;
        open(id);
      });
    }
  }

  function redraw() {
    table.className = density();
    drawHead(here());
    put(body, state.rows.map(row));
    mark(here().open);
    const id = state.mark;
    state.mark = null;
    if (id) open(id);
  }

  function draw() {
    const place = here();
    bar.draw();
    if (keyOf(place) !== state.key && place.q === null) load();
    open(place.open);
  }

  function leave() {
    clearInterval(asking);
    document.removeEventListener("visibilitychange", ask);
    onScreen.disconnect();
    stopKeys();
    latest.begin();
  }

  return { node, draw, leave };
}

const appIcon = (record) =>
  h(`span.app-icon.series-${seriesOf("service", record.appId ?? record.saasId)}`, { "data-letters": initials(appOf(record)), "aria-hidden": true });

const keyOf = ({ filters, time, sort, direction, by }) => stringify([filters, time, sort, direction, by]);

/** The link to the page of the one value that the filters ask for; networks have none. */
function pageLink(filters) {
  for (const kind of Object.values(KINDS)) {
    const values = filters[kind.filter]?.eq ?? [];
    const href = values.length === 1 && entityAddress(kind.filter, values[0]);
    if (href && !(kind === KINDS.addresses && values[0].includes("/"))) return h("a.button", { href }, `${kind.title} page`);
  }
  return null;
}

function nothing() {
  const { filters, time } = here();
  if (filters.date || time !== "all") return [h("p", "No activities match in this period."), button("Search all time", () => go(atTime("all")))];
  return Object.keys(filters).length ? h("p", "No activities match.") : NO_ACTIVITIES();
}

function showRequest(filters) {
  const { sort, direction } = here();
  const body = { filters, sortField: sort, sortDirection: direction, limit: PAGE };
  const json = stringify(body, 2);
  const path = groupsOf(filters).length ? "/api/ext/v1/search" : "/api/v1/activities/";
  const curl = `curl -s -H "Authorization: Token $TOKEN" ${location.origin}${path} \\\n  -d '${stringify(body).replaceAll("'", "\\u0027")}'`;
  return dialog("The API request of this view", (done) => [
    h("pre", { tabindex: "0" }, curl),
    h("h3", `POST ${path}`),
    h("pre", { tabindex: "0" }, json),
    buttons(button("Copy JSON", () => copy(json, "JSON")), button("Copy curl", () => copy(curl, "curl")), h("button.primary", { onclick: () => done() }, "Close")),
  ]);
}

function viewMenu(anchor, redraw) {
  const chosen = new Set(shownColumns().map((column) => column.id));
  const option = (text, attributes) => h("label.option", h("input", attributes), text);
  const columns = COLUMNS.map(({ id, title }) => {
    const onchange = (event) => {
      chosen[event.target.checked ? "add" : "delete"](id);
      showColumns([...chosen]);
      redraw();
    };
    return option(title, { type: "checkbox", checked: chosen.has(id), onchange });
  });
  const rows = ["Cosy", "Dense"].map((text) => {
    const value = text.toLowerCase();
    return option(text, { type: "radio", name: "density", checked: density() === value, onchange: () => (localStorage.setItem("density", value), redraw()) });
  });
  const group = (title, options) => h("fieldset", h("legend", title), options);
  popover(anchor, "View", h(".menu", group("Columns", columns), group("Rows", rows)));
}
