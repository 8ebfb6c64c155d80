// The proof that an activity is in the transparency log: its place there, and since when witnesses have known it.

import * as api from "./api.js";
import { dialog, h, toast } from "./dom.js";
import { counted, moment } from "./words.js";

/** The bytes of a cosignature (c2sp.org/tlog-cosignature): the key's id, the time in seconds, the signature. */
const COSIGNATURE = 76;
const TIME = [4, 12];

/** The button that shows the proof of an activity, and offers its files. */
export const proofButton = (id) => h("button", { onclick: () => show(id).catch((error) => toast(error.message, "bad")) }, "Proof");

async function show(id) {
  const text = await api.proofOf(id);
  const file = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  await dialog("Proof", (done) => h("div", {}, facts(text), files(id, file, done)));
  URL.revokeObjectURL(file);
}

function facts(text) {
  const [head, checkpoint, signatures] = text.split("\n\n");
  const [origin, size, root] = checkpoint.split("\n");
  const witnesses = signatures.trim().split("\n").map(witnessed).filter(Boolean);
  const rows = [
    ["Log", origin],
    ["Entry", `${counted(/^index (\d+)$/m.exec(head)[1])} of ${counted(size)}`],
    ["Checkpoint", h("code", {}, root)],
    ...(witnesses.length ? witnesses : [["Witnessed", "not yet"]]),
  ];
  return h("dl", { class: "facts" }, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, h("span", { class: "grow break" }, value))]));
}

/** The row of a signature, if it is a witness's. */
function witnessed(line) {
  const [, name, signature] = line.split(" ");
  const bytes = atob(signature);
  if (bytes.length !== COSIGNATURE) return null;
  const seconds = [...bytes.slice(...TIME)].reduce((sum, byte) => sum * 256 + byte.charCodeAt(0), 0);
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
