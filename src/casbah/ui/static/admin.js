// Pages for what happens to stored activities: exports, retention and holds, deletion, refused events; and the audit trail.

import * as api from "./api.js";
import { sentenceOf, short, userOf } from "./columns.js";
import { dialog, formButtons, h, put } from "./dom.js";
import { failure } from "./failure.js";
import { cells, change, page, sure, table } from "./pages.js";
import { CASBAH } from "./period.js";
import { address, groupsOf } from "./place.js";
import { counted, moment, plural, sentence, zoneName } from "./words.js";

const BAD_REQUEST = 400;
const ACTS = 100;
const REJECTS = 100;
const EXCERPT = 60;

const activities = (total) => plural(total, "activity", "activities");
const note = (text) => h("p", { class: "quiet" }, text);

/** What people and programs did in Casbah itself. */
export const auditPage = () =>
  page("Audit trail", async () => {
    const filters = { service: { eq: [CASBAH] } };
    const { data, total } = await api.list({ filters, limit: ACTS });
    const rows = data.map((act) => cells(h("a", { href: address({ filters, time: "all", open: act._id }) }, moment(act.timestamp)), short(userOf(act)), short(sentenceOf(act)), short(act.device?.clientIP ?? "")));
    return [
      note(`What people and programs did in Casbah itself: the newest ${counted(data.length)} of ${counted(total)} acts.`),
      h("p", {}, h("a", { class: "button", href: address({ filters, time: "all" }) }, "Show them in the log")),
      rows.length ? table("Acts", ["Date", "Who", "What", "IP address"], rows) : note("No acts yet."),
    ];
  });

export const exportsPage = () =>
  page("Exports", async (again) => {
    const { data } = await api.exports();
    const rows = data.map((item) => {
      const what = `${item.format} of ${moment(item.asked)}`;
      const remove = () => change(() => api.deleteExport(item.id), again, "Deleted");
      return cells(
        moment(item.asked),
        item.format,
        sentence(item.filters),
        item.owner,
        item.error ? h("span", { class: "wrong" }, item.error) : item.state,
        `${counted(item.rows)}${item.total === null ? "" : ` of ${counted(item.total)}`}`,
        [item.state === "ready" && h("a", { class: "button", href: api.exportFile(item.id), download: "", "aria-label": `Download ${what}` }, "Download"), " ", h("button", { class: "bare", "aria-label": `Delete ${what}`, onclick: remove }, "Delete")],
      );
    });
    return rows.length ? table("Exports", ["Date", "Format", "Query", "Owner", "State", "Activities", ""], rows) : note("No exports yet. Export in the log writes all matching activities to a file.");
  });

/** Rules that delete activities of a certain age, and holds, which keep activities from deletion. */
export const retentionPage = ({ may }) =>
  page("Retention and holds", async (again) => {
    const [{ data }, trail] = await Promise.all([api.rules(), api.trail()]);
    const remove = async (rule) => (await sure(["Remove “", rule.name, "”?"], "Remove")) && change(() => api.removeRule(rule.id), again, "Removed");
    const add = async (action) => {
      const draft = await ruleForm(action);
      if (draft) await change(() => api.addRule(draft), again, "Saved");
    };
    const rowsOf = (action) =>
      data
        .filter((rule) => rule.action === action)
        .map((rule) =>
          cells(h("a", { href: address({ filters: rule.filters, time: "all" }) }, rule.name), sentence(rule.filters), rule.days === null ? "" : `after ${plural(rule.days, "day", "days")}`, rule.owner, moment(rule.changed), may(PERMISSIONS[action]) && h("button", { class: "bare", "aria-label": ["Remove ", rule.name], onclick: () => remove(rule) }, "Remove")),
        );
    const part = (title, action, text, titles) => {
      const rows = rowsOf(action);
      return [h("h2", {}, title), may(PERMISSIONS[action]) && h("p", {}, h("button", { onclick: () => add(action) }, action === "hold" ? "New hold" : "New rule")), rows.length ? table(title, titles, rows) : note(text)];
    };
    return [
      part("Retention rules", "delete", "No rules: activities are kept forever.", ["Name", "Activities", "Deleted", "Owner", "Changed", ""]),
      part("Holds", "hold", "No holds: nothing is kept from deletion.", ["Name", "Activities", "", "Owner", "Changed", ""]),
      h("h2", {}, "Audit trail"),
      note(trail.days === null ? "Acts of Casbah itself are kept forever." : `Acts of Casbah itself are kept for ${plural(trail.days, "day", "days")}.`),
    ];
  });

const PERMISSIONS = { delete: "Activities.delete", hold: "Holds.manage" };

/** The filters of a search, of which there must be some. Raises RequestFailed. */
async function filtersOf(text) {
  const { filters } = await api.explain({ q: text.trim(), filters: {}, zone: zoneName() });
  if (!Object.keys(filters).length) throw new api.RequestFailed(BAD_REQUEST, "type a search, such as app:okta");
  if (groupsOf(filters).length) throw new api.RequestFailed(BAD_REQUEST, "OR, and one field twice, cannot be used here");
  return filters;
}

const searchField = (title) => {
  const input = h("input", { type: "search", required: true, placeholder: "app:okta user:ann*", autofocus: true });
  return { input, field: h("label", { class: "field" }, title, input) };
};

function ruleForm(action) {
  const isHold = action === "hold";
  return dialog(isHold ? "New hold" : "New retention rule", (done) => {
    const name = h("input", { type: "text", required: true, maxlength: "200" });
    const { input, field } = searchField("Activities, as a search");
    const days = h("input", { type: "number", min: "1", step: "1", required: true });
    const problem = h("p", { class: "wrong", role: "alert" });
    const submit = async (event) => {
      event.preventDefault();
      try {
        const filters = await filtersOf(input.value);
        done({ name: name.value.trim(), action, filters, ...(!isHold && { days: Number(days.value) }) });
      } catch (error) {
        put(problem, error.message);
      }
    };
    return h(
      "form",
      { onsubmit: submit },
      h("label", { class: "field" }, "Name", name),
      field,
      !isHold && h("label", { class: "field" }, "Delete after days", days),
      problem,
      formButtons(done, "Save"),
    );
  });
}

/** Deleting what a search matches: first a dry run, then a confirmation with the number of activities. */
export const deletionPage = () =>
  page("Delete activities", async () => {
    const { input, field } = searchField("Activities, as a search");
    const result = h("div", { "aria-live": "polite" });
    const submit = async (event) => {
      event?.preventDefault();
      put(result, note("Counting …"));
      try {
        const filters = await filtersOf(input.value);
        put(result, outlook(filters, await api.deleteActivities({ filters, dryRun: true }), result));
      } catch (error) {
        put(result, failure(error, submit));
      }
    };
    return [
      note("Deletes activities permanently. Holds and acts of Casbah itself stay, and the deletion is recorded in the audit trail."),
      h("form", { class: "editor", onsubmit: submit }, field, h("div", { class: "row" }, h("button", {}, "Count them"))),
      result,
    ];
  });

/** What a deletion would do, and the button for it. */
function outlook(filters, dry, result) {
  const really = async () => {
    if (!(await confirmed(dry.deleted))) return;
    try {
      const deletion = await api.deleteActivities({ filters, dryRun: false });
      put(result, h("p", { role: "status" }, `Deleted ${activities(deletion.deleted)}.`));
    } catch (error) {
      put(result, failure(error, really));
    }
  };
  return [
    h("p", {}, sentence(filters), ": ", h("a", { href: address({ filters, time: "all" }) }, activities(dry.matching))),
    h("p", {}, `${activities(dry.deleted)} would be deleted; ${counted(dry.held)} on hold and ${counted(dry.exempt)} of Casbah itself stay.`),
    dry.deleted > 0 && h("button", { class: "danger", onclick: really }, `Delete ${activities(dry.deleted)} …`),
  ];
}

/** Whether the number of activities was typed. */
async function confirmed(number) {
  const answer = await dialog(`Delete ${activities(number)}?`, (done) => {
    const typed = h("input", { type: "text", inputmode: "numeric", autofocus: true, autocomplete: "off" });
    const submit = (event) => {
      event.preventDefault();
      if (typed.value.replaceAll(",", "").trim() === String(number)) done(true);
      else typed.select();
    };
    return h(
      "form",
      { onsubmit: submit },
      h("label", { class: "field" }, `They cannot be restored. Type ${number} to delete them.`, typed),
      formButtons(done, "Delete", "danger"),
    );
  });
  return answer === true;
}

/** Events that were refused over HTTP, which can be replayed. */
export const rejectsPage = () =>
  page("Refused events", async (again) => {
    const { data, total } = await api.rejects(REJECTS);
    const replay = (body) => change(() => api.replayRejects(body), again, "Replayed; what is still refused stays");
    const remove = async (reject) => (await sure("Remove this event? It will not be stored.", "Remove")) && change(() => api.removeReject(reject.id), again, "Removed");
    const rows = data.map((reject) =>
      cells(
        moment(reject.at),
        reject.sender,
        reject.source ?? "detected",
        h("span", { class: "wrong" }, reject.reason),
        h("details", {}, h("summary", {}, short(reject.event).slice(0, EXCERPT)), h("pre", { tabindex: "0" }, reject.event)),
        [h("button", { class: "bare", "aria-label": `Replay the event of ${moment(reject.at)}`, onclick: () => replay({ ids: [reject.id] }) }, "Replay"), h("button", { class: "bare", "aria-label": `Remove the event of ${moment(reject.at)}`, onclick: () => remove(reject) }, "Remove")],
      ),
    );
    if (!rows.length) return note("No refused events.");
    return [note(`The newest ${counted(data.length)} of ${counted(total)}.`), h("p", {}, h("button", { onclick: () => replay({ everything: true }) }, "Replay all")), table("Refused events", ["Date", "Sender", "Source", "Reason", "Event", ""], rows)];
  });
