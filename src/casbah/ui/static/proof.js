import * as api from "./api.js";
import { add, attempt, button, copy, h, notice, put, template } from "./dom.js";
import { page } from "./pages.js";
import { counted, moment } from "./words.js";

/** Where a cosignature (c2sp.org/tlog-cosignature) has its time in seconds. */
const TIME = [4, 12];

export const evidencePage = ({ mayProve }) =>
  page("Evidence", async () => {
    if (!mayProve) return template("no-evidence").node;
    const [checkpoint, keys] = await Promise.all([api.checkpoint(), api.logKeys()]);
    const { node, log, text } = template("evidence");
    put(log, facts(checkpoint, (size) => ["Entries", counted(size)]));
    put(text, keys.trim());
    add(node, h("p", button("Copy keys", () => copy(keys, "Keys"))));
    return node;
  });

const file = (href, download, what) => h("a.button", { href, download }, `Download ${what}`);

export const proofButton = (id) => button("Proof", () => attempt(() => show(id)));

async function show(id) {
  const text = await api.proofOf(id);
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const [head, ...checkpoint] = text.split("\n\n");
  const [, index] = /^index (\d+)$/m.exec(head);
  const rows = facts(checkpoint.join("\n\n"), (size) => ["Entry", `${counted(index)} of ${counted(size)}`]);
  await notice("Proof", rows, file(api.recordFile(id), `${id}.json`, "record"), file(url, `${id}.tlog-proof`, "proof"));
  URL.revokeObjectURL(url);
}

function facts(text, entry) {
  const [checkpoint, signatures] = text.split("\n\n");
  const [origin, size, root] = checkpoint.split("\n");
  const lines = signatures.trim().split("\n").map((line) => line.split(" "));
  // The log itself signs with its origin as the name.
  const witnesses = lines.filter(([, name]) => name !== origin).map(witnessed);
  const rows = [["Log", origin], entry(size), ["Checkpoint", h("code", root)], ...(witnesses.length ? witnesses : [["Witnessed", "not yet"]])];
  return h("dl.facts", rows.map(([name, value]) => [h("dt", name), h("dd", h("span.grow.break", value))]));
}

function witnessed([, name, signature]) {
  const seconds = [...atob(signature).slice(...TIME)].reduce((sum, byte) => sum * 256 + byte.charCodeAt(0), 0);
  return ["Witnessed", ["since ", moment(seconds * 1_000), " by ", name]];
}
