import * as api from "./api.js";
import { button, buttons, cancel, dialog, h, put, quiet, template, toast } from "./dom.js";
import { here } from "./place.js";
import { activities, counted, sentence } from "./words.js";

const POLL_MS = 250;
const POLL_MAX_MS = 2_000;
const UNSURE = [429, 503];

export const exportButton = (query) => button("Export", () => exporting(query()));

async function exporting({ filters, total }) {
  const format = await dialog("Export", (done) => {
    const { node } = template("formats");
    for (const item of node.children) item.addEventListener("click", () => done(item.value));
    const what = h("p.quiet.break", sentence(filters), total !== null && [": ", activities(total)]);
    return [what, node, buttons(h("a.button", { href: "/exports", onclick: () => done() }, "Earlier exports"), cancel(done))];
  });
  if (format) await run(format, filters);
}

async function run(format, filters) {
  const controller = new AbortController();
  const { node, bar, text } = template("exporting");
  dialog("Exporting", (done) => {
    controller.signal.addEventListener("abort", () => done());
    return [node, buttons(cancel(done))];
  }).then(() => controller.abort());
  const showProgress = ({ rows, total }) => {
    bar.value = total ? rows / total : 0;
    if (total !== null) put(text, `${counted(rows)} of ${counted(total)}`);
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
  for (let wait = POLL_MS; ["waiting", "running"].includes(now.state); wait = Math.min(wait * 1.5, POLL_MAX_MS)) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    try {
      now = await api.exportOf(started.id, { signal });
      showProgress(now);
    } catch (error) {
      // Poll again; the export itself continues.
      if (!UNSURE.includes(error.status)) throw error;
    }
  }
  return now;
}

function download({ id, rows }) {
  h("a", { href: api.exportFile(id), download: "" }).click();
  toast(`${activities(rows)} exported`);
}
