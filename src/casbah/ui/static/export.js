// All that a query finds as a file: the server writes it, this page tells how far it is and fetches it once it is ready.

import * as api from "./api.js";
import { dialog, h, put, say } from "./dom.js";
import { failure } from "./failure.js";
import { frozen, here } from "./place.js";
import { counted, moment, plural, sentence } from "./words.js";

const LOOK_MS = 250;
const LOOK_MOST_MS = 2_000;
const UNSURE = new Set([429, 503]);

const FORMATS = [
  { id: "csv", name: "CSV", help: "One line an activity, for spreadsheets" },
  { id: "ndjson", name: "NDJSON", help: "One record a line, whole" },
  { id: "parquet", name: "Parquet", help: "Columns and record, for DuckDB, pandas, Spark" },
];

/** The button that exports what a function gives as filters. */
export function exportButton(filtersNow, totalNow) {
  return h("button", { onclick: () => exporting(filtersNow(), totalNow()) }, "Export");
}

async function exporting(filters, total) {
  const earlier = h("div", {});
  const chosen = dialog("Export", (done) =>
    h(
      "div",
      {},
      h("p", { class: "quiet break" }, sentence(filters), total !== null && [": ", plural(total, "activity", "activities")]),
      FORMATS.map((each) => h("button", { class: "item", onclick: () => done(each) }, each.name, h("span", { class: "quiet" }, each.help))),
      earlier,
      h("div", { class: "row end" }, h("button", { onclick: () => done(null) }, "Cancel")),
    ),
  );
  showEarlier(earlier);
  const format = await chosen;
  if (format) await run(format, frozen(filters, Date.now()));
}

/** Exports that are still there. */
async function showEarlier(node) {
  let data;
  try {
    ({ data } = await api.exports());
  } catch (error) {
    return void put(node, failure(error, () => showEarlier(node)));
  }
  put(node, data.length > 0 && h("h3", {}, "Earlier"), data.map((each) => earlierExport(each, () => showEarlier(node))));
}

function earlierExport(each, again) {
  const said = each.state === "ready" ? plural(each.rows, "activity", "activities") : (each.error ?? each.state);
  const what = `${each.format} of ${moment(each.asked)}`;
  const remove = async () => {
    try {
      await api.deleteExport(each.id);
      await again();
    } catch (error) {
      say(error.message, "bad");
    }
  };
  return h(
    "div",
    { class: "row" },
    h("span", { class: "cut grow", title: sentence(each.filters) }, what, ": ", sentence(each.filters), ", ", said),
    each.state === "ready" && h("button", { "aria-label": `Download ${what}`, onclick: () => fetched(each) }, "Download"),
    h("button", { "aria-label": `Delete ${what}`, onclick: remove }, "Delete"),
  );
}

async function run(format, filters) {
  const controller = new AbortController();
  const bar = h("progress", { max: "1", value: 0, "aria-label": "Progress" });
  const text = h("p", { class: "quiet", role: "status" }, "Beginning …");
  const closed = dialog("Exporting", (done) => {
    controller.signal.addEventListener("abort", () => done(null));
    return h("div", {}, text, bar, h("div", { class: "row end" }, h("button", { onclick: () => controller.abort() }, "Cancel")));
  });
  closed.then(() => controller.abort());
  const told = ({ rows, total }) => {
    bar.value = total ? rows / total : 0;
    put(text, total === null ? "Beginning …" : `${counted(rows)} of ${counted(total)}`);
  };
  let begun = null;
  try {
    const { sort, direction } = here();
    begun = await api.beginExport({ filters, format: format.id, sortField: sort, sortDirection: direction });
    const done = await finished(begun, told, controller.signal);
    if (done.state === "ready") fetched(done);
    else say(`The export failed: ${done.error}`, "bad");
  } catch (error) {
    if (!api.gaveUp(error)) say(error.message, "bad");
    else if (begun) await api.deleteExport(begun.id).catch(() => {});
  }
  controller.abort();
}

/** An export once it has ended; `told` is given how far it is. */
async function finished(begun, told, signal) {
  let now = begun;
  for (let wait = LOOK_MS; now.state === "waiting" || now.state === "running"; wait = Math.min(wait * 1.5, LOOK_MOST_MS)) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    try {
      now = await api.exportOf(begun.id, { signal });
      told(now);
    } catch (error) {
      // It is looked again; the export itself goes on.
      if (!UNSURE.has(error.status)) throw error;
    }
  }
  return now;
}

function fetched({ id, rows }) {
  const link = h("a", { href: api.exportFile(id), download: "" });
  document.body.append(link);
  link.click();
  link.remove();
  say(`${plural(rows, "activity", "activities")} exported`);
}
