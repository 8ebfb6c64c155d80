import * as api from "./api.js";
import { button, buttons, dialog, h, put, quiet, toast } from "./dom.js";
import { here } from "./place.js";
import { activities, counted, sentence } from "./words.js";

const POLL_MS = 250;
const POLL_MAX_MS = 2_000;
const UNSURE = new Set([429, 503]);

const FORMATS = [
  ["csv", "CSV", "One line per activity, for spreadsheets"],
  ["ndjson", "NDJSON", "One complete record per line"],
  ["parquet", "Parquet", "Columns and record, for DuckDB, pandas, Spark"],
];

export const exportButton = (filtersNow, totalNow) => button("Export", () => exporting(filtersNow(), totalNow()));

async function exporting(filters, total) {
  const format = await dialog("Export", (done) => [
    h("p.quiet.break", sentence(filters), total !== null && [": ", activities(total)]),
    FORMATS.map(([id, name, help]) => h("button.item", { onclick: () => done(id) }, name, h("span.quiet", help))),
    buttons(h("a.button", { href: "/exports", onclick: () => done() }, "Earlier exports"), button("Cancel", () => done())),
  ]);
  if (format) await run(format, filters);
}

async function run(format, filters) {
  const controller = new AbortController();
  const bar = h("progress", { max: "1", value: 0, "aria-label": "Progress" });
  const text = h("p.quiet", { role: "status" }, "Starting …");
  const closed = dialog("Exporting", (done) => {
    controller.signal.addEventListener("abort", () => done(null));
    return [text, bar, buttons(button("Cancel", () => controller.abort()))];
  });
  closed.then(() => controller.abort());
  const showProgress = ({ rows, total }) => {
    bar.value = total ? rows / total : 0;
    put(text, total === null ? "Starting …" : `${counted(rows)} of ${counted(total)}`);
  };
  let started = null;
  try {
    const { sort, direction } = here();
    started = await api.beginExport({ filters, format, sortField: sort, sortDirection: direction });
    const done = await finished(started, showProgress, controller.signal);
    if (done.state === "ready") download(done);
    else toast(`The export failed: ${done.error}`, "bad");
  } catch (error) {
    if (!api.isAborted(error)) toast(error.message, "bad");
    else if (started) await api.deleteExport(started.id).catch(() => {});
  }
  controller.abort();
}

async function finished(started, showProgress, signal) {
  let now = started;
  for (let wait = POLL_MS; now.state === "waiting" || now.state === "running"; wait = Math.min(wait * 1.5, POLL_MAX_MS)) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    try {
      now = await api.exportOf(started.id, { signal });
      showProgress(now);
    } catch (error) {
      // Poll again; the export itself continues.
      if (!UNSURE.has(error.status)) throw error;
    }
  }
  return now;
}

function download({ id, rows }) {
  const link = h("a", { href: api.exportFile(id), download: "" });
  document.body.append(link);
  link.click();
  link.remove();
  toast(`${activities(rows)} exported`);
}
