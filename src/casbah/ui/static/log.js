import * as api from "./api.js";
import { appOf, COLUMNS, initials, isFailed, seriesOf, short, show as showColumns, shown as shownColumns, titleOf } from "./columns.js";
import { button, copy, failure, h, heading, notice, opener, popover, put, quiet, setTitle, template } from "./dom.js";
import { activityDrawer } from "./drawer.js";
import { exportButton } from "./export.js";
import { facets } from "./facets.js";
import { filterBar } from "./filters.js";
import { histogram } from "./histogram.js";
import { stringify } from "./json.js";
import { learnFrom } from "./language.js";
import { noActivities } from "./pages.js";
import { atTime, periodOf } from "./period.js";
import { address, entityAddress, go, groupsOf, here, KINDS, withCondition } from "./place.js";
import { remember, savedQueries } from "./saved.js";
import { timeBar } from "./timebar.js";
import { activities, counted, sentence } from "./words.js";

const PAGE = 100;
const FITTING = 7;
const RISKY = 3;
const ASK_FOR_NEW_MS = 15_000;
const SORT_KEYS = { date: "timestamp", created: "created" };

const density = () => localStorage.getItem("density") ?? "cosy";

export function log({ mayProve }) {
  const bar = filterBar();
  const bars = histogram();
  const top = facets();
  const time = timeBar(load);
  const details = activityDrawer({ mayProve });
  const { node, tools, total, about, fresh, unfold, columns, middle, table, head, body, rest } = template("log");
  table.classList.add(density());
  const begin = api.latest();
  const state = { key: null, rows: [], ids: new Set(), total: null, filters: {}, ended: true, loading: false, mark: null };

  node.prepend(time.node, bar.node);
  middle.prepend(bars.node);
  columns.append(top.node, details.node);
  const request = button("API", () => showRequest(state.filters));
  tools.append(...savedQueries(), exportButton(() => state), request, opener("View", (anchor) => viewMenu(anchor, redraw)));
  fresh.onclick = load;
  unfold.addEventListener("click", () => (unfold.ariaExpanded = node.classList.toggle("unfolded")));
  body.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    focusRow(step);
  };
  node.addEventListener("keydown", ({ key }) => key === "Escape" && here().open && go({ open: null }));
  const stopKeys = logKeys({ step: focusRow, period: time.open });

  const onScreen = new IntersectionObserver((entries) => entries.some(({ isIntersecting }) => isIntersecting) && next(), { rootMargin: "600px" });
  onScreen.observe(rest);
  const ask = () => document.hidden || askForNew();
  const asking = setInterval(ask, ASK_FOR_NEW_MS);
  document.addEventListener("visibilitychange", ask);

  const setBusy = (busy, ...parts) => parts.forEach((part) => (part.ariaBusy = busy || null));

  async function load() {
    const view = here();
    if (view.q !== null) return draw();
    const signal = begin();
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
      const page = await api.list(requestOf(state.filters), { signal });
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
    put(head);
    put(body);
    bars.clear();
    top.clear();
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
      add(await api.list({ ...requestOf(filters), skip }));
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
      const now = await api.first(filters);
      if (filters !== state.filters || state.total === null) return;
      const more = now.total - state.total;
      fresh.hidden = more <= 0;
      put(fresh, `${counted(more)} new`);
    } catch {
      // The next poll is soon, and a persistent problem shows at the next query.
    }
  }

  function drawHead({ sort, direction }) {
    const [order, arrow, opposite] = direction === "desc" ? ["descending", " ↓", "asc"] : ["ascending", " ↑", "desc"];
    const turn = () => go({ direction: opposite, open: null });
    const ordered = sort === "date" ? "time" : "stored";
    const cells = shownColumns().map((column) => {
      const [isOrdered, title] = [column.id === ordered, titleOf(column)];
      const attributes = { scope: "col", role: "columnheader", class: `of-${column.id}`, "aria-sort": isOrdered ? order : null };
      return h("th", attributes, isOrdered ? button([title, arrow], turn, { class: "bare", title: "Reverse the order" }) : title);
    });
    table.classList.toggle("many", cells.length > FITTING);
    put(head, h("tr", { role: "row" }, cells));
  }

  function row(record) {
    const cells = shownColumns().map(({ id, value, full = value }, position) => {
      const text = short(value(record));
      const inner = position === 0 ? h("a.open", { href: address({ ...here(), open: record._id }) }, text || "open") : text;
      const before = id === "app" ? text && appIcon(record) : id === "activity" && badges(record);
      return h("td", { role: "cell", class: `of-${id}`, title: short(full(record)) }, before, inner);
    });
    const opened = (event) => event.target.closest("a") || getSelection()?.toString() || go({ open: record._id });
    return h("tr", { role: "row", class: isFailed(record) && "failed", "data-id": record._id, onclick: opened }, cells);
  }

  function focusRow(step) {
    const current = document.activeElement?.closest(".log tbody tr") ?? body.querySelector("tr.marked");
    const target = current ? (step > 0 ? current.nextElementSibling : current.previousElementSibling) : body.firstElementChild;
    target?.querySelector("a.open")?.focus();
    if (target && here().open) go({ open: target.dataset.id }, { replace: true });
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
    try {
      const record = state.rows.find((row) => row._id === id) ?? (await api.fetchOne(id));
      if (state.mark !== id) return;
      details.show(record);
      if (!document.activeElement?.closest("tbody") || !before) details.node.focus({ preventScroll: true });
    } catch (error) {
      if (state.mark === id) details.showFailure(error, () => reopen(id));
    }
  }

  function reopen(id) {
    state.mark = null;
    if (id) open(id);
  }

  function redraw() {
    table.className = density();
    drawHead(here());
    put(body, state.rows.map(row));
    mark(here().open);
    reopen(state.mark);
  }

  function draw() {
    const place = here();
    bar.draw().catch((error) => here().q === place.q && showFailure(error));
    if (keyOf(place) !== state.key && place.q === null) load();
    open(place.open);
  }

  function leave() {
    clearInterval(asking);
    document.removeEventListener("visibilitychange", ask);
    onScreen.disconnect();
    stopKeys();
    begin();
  }

  return { node, draw, leave };
}

const badges = (record) => [
  isFailed(record) && h("span.badge.is-failed", "Failed"),
  record.isAdminOperation === true && h("span.badge.is-admin", "Admin"),
  Number(record.location?.category) === RISKY && h("span.badge.is-risky", "Risky"),
];

const appIcon = (record) =>
  h(`span.app-icon.series-${seriesOf("service", record.appId ?? record.saasId)}`, { "data-letters": initials(appOf(record)), "aria-hidden": true });

function requestOf(filters) {
  const { sort, direction } = here();
  return { filters, sortField: sort, sortDirection: direction, limit: PAGE };
}

const keyOf = (view) => address({ ...view, open: null });

/** To the page of the one value that the filters ask for; networks have none. */
function pageLink(filters) {
  for (const { title, filter } of Object.values(KINDS)) {
    const [value = "", ...others] = [filters[filter]?.eq ?? []].flat();
    const isNetwork = filter === "ip.address" && String(value).includes("/");
    const href = !others.length && !isNetwork && entityAddress(filter, value);
    if (href) return h("a.button", { href }, `${title} page`);
  }
  return null;
}

function nothing() {
  const { filters, time } = here();
  if (filters.date || time !== "all") return [h("p", "No activities match in this period."), button("Search all time", () => go(atTime("all")))];
  return Object.keys(filters).length ? h("p", "No activities match.") : noActivities();
}

function showRequest(filters) {
  const request = requestOf(filters);
  const json = stringify(request, 2);
  const path = groupsOf(filters).length ? "/api/ext/v1/search" : "/api/v1/activities/";
  const curl = `curl -s -H "Authorization: Token $TOKEN" ${location.origin}${path} \\\n  -d '${stringify(request).replaceAll("'", "\\u0027")}'`;
  const content = [h("pre", { tabindex: "0" }, curl), h("h3", `POST ${path}`), h("pre", { tabindex: "0" }, json)];
  return notice("The API request of this view", content, button("Copy JSON", () => copy(json, "JSON")), button("Copy curl", () => copy(curl, "curl")));
}

function viewMenu(anchor, redraw) {
  const option = (text, attributes) => h("label.option", h("input", attributes), text);
  const chosen = new Set(shownColumns().map((column) => column.id));
  const columns = COLUMNS.map(({ id, title }) => {
    const onchange = ({ target }) => {
      chosen[target.checked ? "add" : "delete"](id);
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

export const showKeys = () => notice("Keyboard shortcuts", template("keys").node);

/** The keys work except while something is typed or open; returns what ends that. */
function logKeys({ step, period }) {
  const acts = { "/": () => document.querySelector(".bar [role=combobox]").focus(), t: period, j: () => step(1), k: () => step(-1), "?": showKeys };
  const pressed = (event) => {
    const isTyped = event.target.closest?.("input, select, textarea, dialog[open], .float");
    if (isTyped || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(acts, event.key)) return;
    event.preventDefault();
    acts[event.key]();
  };
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}
