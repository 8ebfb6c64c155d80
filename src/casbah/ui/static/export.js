// All that a query finds as a file, read by scanning as any client would, with progress.

import * as api from "./api.js";
import { actionOf, addressOf, appOf, countryOf, sentenceOf, userOf } from "./columns.js";
import { dialog, h, put, say } from "./dom.js";
import { frozen } from "./place.js";
import { counted, plural, sentence } from "./words.js";

const PAGE = 5_000;

const FLAT = [
  ["_id", (r) => r._id],
  ["date", (r) => iso(r.timestamp)],
  ["stored", (r) => iso(r.created)],
  ["user", userOf],
  ["app", appOf],
  ["appId", (r) => r.appId],
  ["activity", sentenceOf],
  ["operation", actionOf],
  ["activityType", (r) => r.eventTypeName],
  ["ip", addressOf],
  ["country", countryOf],
  ["city", (r) => r.location?.city],
  ["isp", (r) => r.location?.organizationSearchable],
  ["deviceType", (r) => r.userAgent?.deviceType],
  ["userAgent", (r) => r.device?.userAgent],
  ["administrative", (r) => r.isAdminOperation === true],
  ["impersonated", (r) => r.isImpersonated === true],
];

const iso = (ms) => (Number.isFinite(Number(ms)) && ms !== null ? new Date(Number(ms)).toISOString() : "");

/** A cell of a CSV file; what a spreadsheet would take for a formula is led by an apostrophe (OWASP, CSV injection). */
export function cell(value) {
  const text = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const FORMATS = {
  csv: {
    name: "CSV",
    help: "One line an activity, the columns that people look for",
    type: "text/csv",
    lead: `${FLAT.map(([name]) => name).join(",")}\r\n`,
    line: (record) => `${FLAT.map(([, read]) => cell(read(record))).join(",")}\r\n`,
  },
  ndjson: {
    name: "NDJSON",
    help: "One line an activity, the whole record",
    type: "application/x-ndjson",
    lead: "",
    line: (record) => `${JSON.stringify(record)}\n`,
  },
};

/** The button that exports what a function gives as filters. */
export function exportButton(filtersNow, totalNow) {
  return h("button", { onclick: () => exporting(filtersNow(), totalNow()) }, "Export");
}

async function exporting(filters, total) {
  const chosen = await dialog("Export", (done) =>
    h(
      "div",
      {},
      h("p", { class: "quiet" }, `${sentence(filters)}: ${plural(total, "activity", "activities")}`),
      Object.entries(FORMATS).map(([id, each]) => h("button", { class: "item", onclick: () => done(id) }, each.name, h("span", { class: "quiet" }, each.help))),
      h("div", { class: "row end" }, h("button", { onclick: () => done(null) }, "Cancel")),
    ),
  );
  if (chosen) await run(FORMATS[chosen], chosen, frozen(filters, Date.now()));
}

async function run(format, id, filters) {
  const controller = new AbortController();
  const bar = h("progress", { max: "1", value: 0, "aria-label": "Progress" });
  const text = h("p", { class: "quiet", role: "status" }, "Beginning …");
  const closed = dialog("Exporting", (done) => {
    controller.signal.addEventListener("abort", () => done(null));
    return h("div", {}, text, bar, h("div", { class: "row end" }, h("button", { onclick: () => controller.abort() }, "Cancel")));
  });
  closed.then(() => controller.abort());
  const parts = [format.lead];
  let done = 0;
  let asked = { filters, isScan: true, limit: PAGE, sortDirection: "asc" };
  let total = null;
  try {
    for (;;) {
      const page = await api.list(asked, { signal: controller.signal });
      total ??= page.total;
      done += page.data.length;
      // A Blob may lie on disk, the lines would not.
      parts.push(new Blob([page.data.map(format.line).join("")]));
      bar.value = total ? done / total : 1;
      put(text, `${counted(done)} of ${counted(total)}`);
      if (!page.hasNext) break;
      asked = { ...asked, filters: page.nextQueryFilters };
    }
    saved(new Blob(parts, { type: format.type }), `activities.${id}`);
    say(`${plural(done, "activity", "activities")} exported`);
  } catch (error) {
    if (!api.gaveUp(error)) say(error.message, "bad");
  }
  controller.abort();
}

function saved(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
