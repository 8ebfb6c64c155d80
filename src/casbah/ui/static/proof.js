// The transparency log of the tenant, and the proof that an activity is in it.

import * as api from "./api.js";
import { attempt, button, buttons, copy, dialog, h, quiet } from "./dom.js";
import { page } from "./pages.js";
import { counted, moment } from "./words.js";

/** Where a cosignature (c2sp.org/tlog-cosignature) has its time in seconds. */
const TIME = [4, 12];

export const evidencePage = ({ mayProve }) =>
  page("Evidence", async () => {
    if (!mayProve) return quiet("This server keeps no transparency log. Set CASBAH_LOG_NAME, and every activity gets a proof that it has not been changed (casbah help evidence).");
    const [checkpoint, keys] = await Promise.all([api.checkpoint(), api.logKeys()]);
    return [
      quiet("A signed Merkle tree over all activities: who keeps a checkpoint can tell later whether one was changed or removed. The drawer of an activity has its proof."),
      facts(checkpoint, (size) => ["Entries", counted(size)]),
      h("p.row.wrap", file(api.CHECKPOINT, "checkpoint", "checkpoint"), file(api.LOG_KEYS, "log.vkey", "keys")),
      h("h2", "Keys"),
      quiet("Give them to auditors early, and not through this server: a checker must not ask the server that it checks."),
      h("pre", { tabindex: "0" }, keys.trim()),
      h("p", button("Copy keys", () => copy(keys, "Keys"))),
    ];
  });

const file = (href, download, what) => h("a.button", { href, download }, `Download ${what}`);

export const proofButton = (id) => button("Proof", () => attempt(() => show(id)));

async function show(id) {
  const text = await api.proofOf(id);
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const proof = file(url, `${id}.tlog-proof`, "proof");
  proof.classList.add("primary");
  const at = text.indexOf("\n\n");
  const index = /^index (\d+)$/m.exec(text.slice(0, at))[1];
  await dialog("Proof", (done) => [
    facts(text.slice(at + 2), (size) => ["Entry", `${counted(index)} of ${counted(size)}`]),
    buttons(button("Close", () => done()), file(api.recordFile(id), `${id}.json`, "record"), proof),
  ]);
  URL.revokeObjectURL(url);
}

/** `entry(size)` is the row about entries. */
function facts(text, entry) {
  const [checkpoint, signatures] = text.split("\n\n");
  const [origin, size, root] = checkpoint.split("\n");
  const lines = signatures.trim().split("\n").map((line) => line.split(" "));
  // The log itself signs with its origin as the name.
  const witnesses = lines.filter(([, name]) => name !== origin).map(witnessed);
  const rows = [["Log", origin], entry(size), ["Checkpoint", h("code", root)], ...(witnesses.length ? witnesses : [["Witnessed", "not yet"]])];
  return h("dl.facts", rows.map(([name, value]) => [h("dt", name), h("dd", h("span.grow.break", {}, value))]));
}

function witnessed([, name, signature]) {
  const seconds = [...atob(signature).slice(...TIME)].reduce((sum, byte) => sum * 256 + byte.charCodeAt(0), 0);
  return ["Witnessed", ["since ", moment(seconds * 1_000), " by ", name]];
}
