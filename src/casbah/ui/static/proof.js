// Evidence: the transparency log of the tenant, and the proof that an activity is in it, with what witnesses have signed.

import * as api from "./api.js";
import { copy, dialog, h, toast } from "./dom.js";
import { page } from "./pages.js";
import { counted, moment } from "./words.js";

/** Where a cosignature (c2sp.org/tlog-cosignature) has its time in seconds: after the id of its key. */
const TIME = [4, 12];

/** The page of the log: its last checkpoint, its keys, and both as files. */
export const evidencePage = ({ mayProve }) =>
  page("Evidence", async () => {
    if (!mayProve) return h("p", { class: "quiet" }, "This server keeps no transparency log. Set CASBAH_LOG_NAME, and every activity gets a proof that it is there unchanged.");
    const [checkpoint, keys] = await Promise.all([api.checkpoint(), api.logKeys()]);
    const { origin, size, root, witnesses } = signed(checkpoint);
    return [
      h("p", { class: "quiet" }, "A signed Merkle tree over all activities: who keeps a checkpoint can tell later whether one was changed or removed. The drawer of an activity has its proof."),
      listed([["Log", origin], ["Entries", counted(size)], ["Checkpoint", h("code", {}, root)], ...witnesses]),
      h("p", { class: "row wrap" }, h("a", { class: "button", href: api.CHECKPOINT, download: "checkpoint" }, "Download checkpoint"), h("a", { class: "button", href: api.LOG_KEYS, download: "log.vkey" }, "Download keys")),
      h("h2", {}, "Keys"),
      h("p", { class: "quiet" }, "Give them to auditors early, and not through this server: a checker must not ask the server that it checks."),
      h("pre", { tabindex: "0" }, keys.trim()),
      h("p", {}, h("button", { onclick: () => copy(keys, "Keys") }, "Copy keys")),
    ];
  });

/** The button that shows the proof of an activity, and offers its files. */
export const proofButton = (id) => h("button", { onclick: () => show(id).catch((error) => toast(error.message, "bad")) }, "Proof");

async function show(id) {
  const text = await api.proofOf(id);
  const file = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  await dialog("Proof", (done) => h("div", {}, facts(text), files(id, file, done)));
  URL.revokeObjectURL(file);
}

function facts(text) {
  const at = text.indexOf("\n\n");
  const { origin, size, root, witnesses } = signed(text.slice(at + 2));
  return listed([["Log", origin], ["Entry", `${counted(/^index (\d+)$/m.exec(text.slice(0, at))[1])} of ${counted(size)}`], ["Checkpoint", h("code", {}, root)], ...witnesses]);
}

/** What a signed checkpoint says, and the rows of its witnesses. */
function signed(text) {
  const [checkpoint, signatures] = text.split("\n\n");
  const [origin, size, root] = checkpoint.split("\n");
  const lines = signatures.trim().split("\n").map((line) => line.split(" "));
  const witnesses = lines.filter(([, name]) => name !== origin).map(witnessed);
  return { origin, size, root, witnesses: witnesses.length ? witnesses : [["Witnessed", "not yet"]] };
}

const listed = (rows) => h("dl", { class: "facts" }, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, h("span", { class: "grow break" }, value))]));

/** The row of a witness; the log itself signs with its origin as the name. */
function witnessed([, name, signature]) {
  const seconds = [...atob(signature).slice(...TIME)].reduce((sum, byte) => sum * 256 + byte.charCodeAt(0), 0);
  return ["Witnessed", ["since ", moment(seconds * 1_000), " by ", name]];
}

const files = (id, file, done) =>
  h(
    "div",
    { class: "row end" },
    h("button", { onclick: () => done(null) }, "Close"),
    h("a", { class: "button", href: api.recordFile(id), download: `${id}.json` }, "Download record"),
    h("a", { class: "button primary", href: file, download: `${id}.tlog-proof` }, "Download proof"),
  );
