// The activity log: the filter bar, the histogram, the top values, and the table, which loads more rows while scrolling.

import * as api from "./api.js";
import { badges, COLUMNS, initials, isFailed, short, show as showColumns, shown as shownColumns, titleOf } from "./columns.js";
import { copy, dialog, popover, h, put, setTitle } from "./dom.js";
import { activityDrawer } from "./drawer.js";
import { exportButton } from "./export.js";
import { facets } from "./facets.js";
import { failure, heading } from "./failure.js";
import { filterBar } from "./filters.js";
import { histogram } from "./histogram.js";
import { stringify } from "./json.js";
import { logKeys } from "./keys.js";
import { learnFrom } from "./language.js";
import { atTime, forget, periodOf } from "./period.js";
import { address, entityAddress, go, groupsOf, here, KINDS, withCondition } from "./place.js";
import { remember, savedQueries } from "./saved.js";
import { timeBar } from "./timebar.js";
import { counted, isLocal, plural, sentence, setLocal } from "./words.js";

const PAGE = 100;
/** How many columns fit without scrolling sideways. */
const FITTING = 7;
const APP_COLORS = 6;
const ASK_FOR_NEW_MS = 15_000;
const SORT_KEYS = { date: "timestamp", created: "created" };

/** The view; `draw()` shows the state in the URL, `leave()` stops background work. */
export function log({ mayProve }) {
  const bar = filterBar();
  const bars = histogram();
  const top = facets();
  const time = timeBar(load);
  const details = activityDrawer({ mayProve });
  const total = h("h1", { class: "total", "aria-live": "polite" });
  const about = h("span", {});
  const fresh = h("button", { class: "fresh", hidden: true, onclick: () => (forget(), load()) });
  const head = h("thead", { role: "rowgroup" });
  const body = h("tbody", { role: "rowgroup", onkeydown: move });
  // On narrow screens the table is shown as cards; roles keep its meaning.
  const table = h("table", { role: "table", class: localStorage.getItem("density") ?? "cosy" }, h("caption", { class: "unseen" }, "Activities"), head, body);
  const scroll = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of activities" }, table);
  const rest = h("div", { class: "rest" });
  // Narrow screens show the first activities; what is around them unfolds.
  const unfold = h("button", { class: "unfold", "aria-expanded": "false", onclick: () => unfold.setAttribute("aria-expanded", String(node.classList.toggle("unfolded"))) }, h("span", { class: "wide" }, "Top values"), h("span", { class: "narrow" }, "Chart and filters"));
  const latest = new api.Latest();
  const state = { key: null, rows: [], ids: new Set(), total: null, filters: {}, ended: true, loading: false, mark: null };

  const parts = [total, table, bars.node, top.node];

  const node = h(
    "div",
    { class: "log" },
    time.node,
    bar.node,
    h("div", { class: "row wrap tools" }, total, about, fresh, h("span", { class: "grow" }), unfold, h("div", { class: "row wrap fold" }, savedQueries(), exportButton(() => state.filters, () => state.total), request(() => state.filters), view(redraw, load))),
    h("div", { class: "columns" }, h("div", { class: "middle" }, bars.node, scroll, rest), top.node, details.node),
  );
  const stopKeys = logKeys({ step: focusRow, period: () => time.open() });
  node.addEventListener("keydown", (event) => event.key === "Escape" && here().open && go({ open: null }));

  const onScreen = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && next(), { rootMargin: "600px" });
  onScreen.observe(rest);
  const ask = () => document.hidden || askForNew();
  const asking = setInterval(ask, ASK_FOR_NEW_MS);
  document.addEventListener("visibilitychange", ask);

  async function load() {
    const view = here();
    const signal = latest.begin();
    Object.assign(state, { key: keyOf(view), rows: [], ids: new Set(), ended: true, loading: true });
    fresh.hidden = true;
    for (const part of parts) part.setAttribute("aria-busy", "true");
    setTitle(sentence(view.filters));
    put(about, pageLink(view.filters));
    time.draw(null);
    try {
      const period = await periodOf(view);
      if (signal.aborted) return;
      Object.assign(state, { period, filters: period.filters });
      time.draw(period);
      const page = await api.list({ filters: state.filters, sortField: view.sort, sortDirection: view.direction, limit: PAGE }, { signal });
      remember(view.filters);
      state.total = page.total;
      put(total, plural(page.total, "activity", "activities"));
      put(body);
      drawHead(view);
      add(page);
    } catch (error) {
      if (!api.isAborted(error)) showFailure(error);
      return;
    }
    for (const part of [total, table]) part.removeAttribute("aria-busy");
    // Only now: the rows matter most, and these requests would compete with them for the machine and connections.
    for (const part of [bars, top]) loadPart(part, signal);
  }

  /** Show the failure, and remove the results of the earlier query. */
  function showFailure(error) {
    Object.assign(state, { loading: false, total: null });
    put(total, heading(error));
    for (const node of [head, body]) put(node);
    for (const part of [bars, top]) part.clear();
    put(rest, failure(error, load));
    for (const part of parts) part.removeAttribute("aria-busy");
  }

  /** Load the histogram or the top values; busy until they match the rows. */
  async function loadPart(part, signal) {
    try {
      await part.load(state.filters, signal, state.period);
    } catch (error) {
      if (api.isAborted(error)) return;
      part.clear(failure(error, () => loadPart(part, signal)));
    }
    part.node.removeAttribute("aria-busy");
  }

  /** Load the next page, from the timestamp of the last row, skipping the rows shown that share it. */
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
      state.loading = false;
      state.ended = true;
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
    state.ended = !page.hasNext;
    state.loading = false;
    put(rest, state.total === 0 ? nothing() : h("p", { class: "quiet" }, state.ended ? "End of results." : `${counted(state.rows.length)} shown`), !state.ended && h("button", { onclick: next }, "Show more"));
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
    table.classList.toggle("many", shownColumns().length > FITTING);
    const turn = () => go({ direction: direction === "desc" ? "asc" : "desc", open: null });
    const by = sort === "date" ? "time" : "stored";
    put(
      head,
      h(
        "tr",
        { role: "row" },
        shownColumns().map((column) =>
          column.id === by
            ? h("th", { scope: "col", role: "columnheader", class: `of-${column.id}`, "aria-sort": direction === "desc" ? "descending" : "ascending" }, h("button", { class: "bare", title: "Reverse the order", onclick: turn }, titleOf(column), direction === "desc" ? " ↓" : " ↑"))
            : h("th", { scope: "col", role: "columnheader", class: `of-${column.id}` }, titleOf(column)),
        ),
      ),
    );
  }

  function row(record) {
    const cells = shownColumns().map((column, position) => {
      const shown = short(column.value(record));
      const inner = position === 0 ? h("a", { class: "open", href: address({ ...here(), open: record._id }) }, shown || "open") : shown;
      const extra = { app: () => shown && appIcon(shown), activity: () => badges(record).map((badge) => h("span", { class: `badge ${badge.kind}` }, badge.text)) }[column.id]?.();
      return h("td", { role: "cell", class: `of-${column.id}`, title: position === 0 ? null : shown }, extra, inner);
    });
    return h("tr", { role: "row", class: isFailed(record) ? "failed" : null, "data-id": record._id, onclick: (event) => event.target.closest("a") || opened(record) }, cells);
  }

  function opened(record) {
    if (getSelection()?.toString()) return;
    go({ open: record._id });
  }

  /** Move the focus by rows, from the row that has it, or is open, or else to the first. */
  function focusRow(step) {
    const current = document.activeElement?.closest(".log tbody tr") ?? body.querySelector("tr.marked");
    const target = current ? (step > 0 ? current.nextElementSibling : current.previousElementSibling) : body.firstElementChild;
    target?.querySelector("a.open")?.focus();
    if (target && here().open) go({ open: target.dataset.id }, { replace: true });
  }

  /** Arrow keys move between rows; an open drawer follows. */
  function move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    focusRow(step);
  }

  function mark(id) {
    for (const row of body.querySelectorAll("tr.marked")) row.classList.remove("marked");
    if (id) body.querySelector(`tr[data-id="${CSS.escape(id)}"]`)?.classList.add("marked");
  }

  async function open(id) {
    if (state.mark === id) return;
    const before = state.mark;
    state.mark = id;
    mark(id);
    node.classList.toggle("with-drawer", Boolean(id));
    if (!id) {
      details.show(null);
      const left = before && body.querySelector(`tr[data-id="${CSS.escape(before)}"] a.open`);
      if (left && !document.activeElement?.closest(".drawer, table, dialog")) left.focus({ preventScroll: true });
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
    table.className = localStorage.getItem("density") ?? "cosy";
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

/** The first letters of an app on a color of its own. */
function appIcon(name) {
  return h("span", { class: `app-icon series-${[...name].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % APP_COLORS}`, "data-letters": initials(name), "aria-hidden": "true" });
}

const keyOf = ({ filters, time, sort, direction, by }) => stringify([filters, time, sort, direction, by]);

/** The link to the page of the one value that the filters ask for, if it has a page; networks have none. */
function pageLink(filters) {
  const only = ({ filter }) => (filters[filter]?.eq?.length === 1 ? filters[filter].eq[0] : "");
  const kind = Object.values(KINDS).find((one) => entityAddress(one.filter, only(one)) && !(one === KINDS.addresses && only(one).includes("/")));
  return kind && h("a", { class: "button", href: entityAddress(kind.filter, only(kind)) }, `${kind.title} page`);
}

/** Shown instead of rows: what helps to find some. */
function nothing() {
  const { filters, time } = here();
  const { date, ...others } = filters;
  const isFiltered = Object.keys(others).length > 0;
  if (!date && time === "all" && !isFiltered) return h("p", {}, "No activities yet. ", h("code", {}, "casbah ingest FILE"), " reads logs; ", h("code", {}, "casbah pull"), " pulls them from hosted apps.");
  return [
    h("p", {}, date || time !== "all" ? "No activities match in this period." : "No activities match."),
    (date || time !== "all") && h("button", { onclick: () => go(atTime("all")) }, "Search all time"),
    isFiltered && h("button", { onclick: () => go({ filters: date ? { date } : {}, open: null }) }, "Remove the filters"),
  ];
}

/** The button that shows the API request of the view. */
function request(filtersNow) {
  const show = () => {
    const { sort, direction } = here();
    const filters = filtersNow();
    const body = { filters, sortField: sort, sortDirection: direction, limit: PAGE };
    const json = stringify(body, 2);
    const path = groupsOf(filters).length ? "/api/ext/v1/search" : "/api/v1/activities/";
    const curl = `curl -s -H "Authorization: Token $TOKEN" ${location.origin}${path} \\\n  -d '${stringify(body).replaceAll("'", "\\u0027")}'`;
    dialog("The API request of this view", (done) =>
      h(
        "div",
        {},
        h("pre", { tabindex: "0" }, curl),
        h("h3", {}, `POST ${path}`),
        h("pre", { tabindex: "0" }, json),
        h("div", { class: "row end" }, h("button", { onclick: () => copy(json, "JSON") }, "Copy JSON"), h("button", { onclick: () => copy(curl, "curl") }, "Copy curl"), h("button", { class: "primary", onclick: () => done(null) }, "Close")),
      ),
    );
  };
  return h("button", { onclick: show }, "API");
}

/** The button for the table's columns, density and time zone. */
function view(redraw, load) {
  const button = h("button", { "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => open() }, "View");
  const open = () => {
    const chosen = new Set(shownColumns().map((column) => column.id));
    const columns = COLUMNS.map((column) =>
      h("label", { class: "option" }, h("input", {
        type: "checkbox",
        checked: chosen.has(column.id),
        onchange: (event) => {
          chosen[event.target.checked ? "add" : "delete"](column.id);
          showColumns([...chosen]);
          redraw();
        },
      }), column.title),
    );
    const one = (text, name, checked, set) => h("label", { class: "option" }, h("input", { type: "radio", name, checked, onchange: () => (set(), redraw()) }), text);
    const density = localStorage.getItem("density") ?? "cosy";
    popover(
      button,
      h(
        "div",
        { class: "menu" },
        h("fieldset", {}, h("legend", {}, "Columns"), columns),
        h("fieldset", {}, h("legend", {}, "Rows"), one("Cosy", "density", density === "cosy", () => localStorage.setItem("density", "cosy")), one("Dense", "density", density === "dense", () => localStorage.setItem("density", "dense"))),
        h("fieldset", {}, h("legend", {}, "Times"), one("UTC", "zone", !isLocal(), () => (setLocal(false), load())), one("Local time", "zone", isLocal(), () => (setLocal(true), load()))),
      ),
      { label: "View" },
    );
  };
  return button;
}
