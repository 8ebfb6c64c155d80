// Pages for stored activities: exports, retention and holds, deletion, refused events; and the audit trail.

import * as api from "./api.js";
import { sentenceOf, short, userOf } from "./columns.js";
import { button, field, form, formDialog, h, put, quiet, small } from "./dom.js";
import { loader } from "./failure.js";
import { momentLink, searchLink } from "./link.js";
import { change, input, page, remover, table } from "./pages.js";
import { CASBAH } from "./period.js";
import { address, groupsOf, only } from "./place.js";
import { activities, counted, moment, plural, sentence, zoneName } from "./words.js";

const BAD_REQUEST = 400;
const ACTS = 100;
const REJECTS = 100;
const EXCERPT = 60;

function named({ rawDataJson }) {
  const name = rawDataJson?.asked?.name ?? rawDataJson?.about;
  return name && [": ", short(name)];
}

export const auditPage = () =>
  page("Audit trail", async () => {
    const filters = only("service", CASBAH);
    const { data, total } = await api.list({ filters, limit: ACTS });
    const rows = data.map((act) => [momentLink(filters, act), short(userOf(act)), [short(sentenceOf(act)), named(act)], short(act.device?.clientIP)]);
    if (!total) return quiet("No entries yet.");
    return [
      quiet(`What people and programs did in Casbah itself: the newest ${counted(data.length)} of ${counted(total)} entries.`),
      h("p", h("a.button", { href: address({ filters }) }, "Show them in the log")),
      table("Acts", ["Date", "Who", "What", "IP address"], rows),
    ];
  });

export const exportsPage = () =>
  page("Exports", async (again) => {
    const { data } = await api.exports();
    const rows = data.map((item) => {
      const { id, format, filters, owner, error, state, rows, total } = item;
      const date = moment(item.asked);
      const what = `${format} of ${date}`;
      return [
        date,
        format,
        sentence(filters),
        owner,
        error ? h("span.wrong", {}, error) : state,
        `${counted(rows)}${total === null ? "" : ` of ${counted(total)}`}`,
        [
          state === "ready" && h("a.button", { href: api.exportFile(id), download: "", "aria-label": `Download ${what}` }, "Download"),
          " ",
          small("Delete", what, () => change(() => api.deleteExport(id), again, "Deleted")),
        ],
      ];
    });
    return table("Exports", ["Date", "Format", "Query", "Owner", "State", "Activities", ""], rows, "No exports yet. Export in the log writes all matching activities to a file.");
  });

export const retentionPage = ({ may }) =>
  page("Retention and holds", async (again) => {
    const [{ data }, trail] = await Promise.all([api.rules(), api.trail()]);
    const part = (title, { action, permission, make, form }, days, empty) => {
      const mayChange = may(permission);
      const add = async () => {
        const draft = await ruleForm(action, form);
        if (draft) await change(() => api.addRule(draft), again, "Saved");
      };
      const rows = data
        .filter((rule) => rule.action === action)
        .map((rule) => [
          searchLink(rule.filters, rule.name),
          sentence(rule.filters),
          rule.days === null ? "" : `after ${plural(rule.days, "day")}`,
          rule.owner,
          moment(rule.changed),
          mayChange && remover("Remove", rule.name, () => api.removeRule(rule.id), again),
        ]);
      return [h("h2", title), mayChange && h("p", button(make, add)), table(title, ["Name", "Activities", days, "Owner", "Changed", ""], rows, empty)];
    };
    return [
      part("Retention rules", RULE, "Deleted", "No rules: activities are kept forever."),
      part("Holds", HOLD, "", "No holds: nothing is kept from deletion."),
      h("h2", "Audit trail"),
      quiet(`Acts of Casbah itself are kept ${trail.days === null ? "forever" : `for ${plural(trail.days, "day")}`}.`),
    ];
  });

const RULE = { action: "delete", permission: "Activities.delete", make: "New rule", form: "New retention rule" };
const HOLD = { action: "hold", permission: "Holds.manage", make: "New hold", form: "New hold" };

/** Raises RequestFailed. */
async function filtersOf({ value }) {
  const { filters } = await api.explain({ q: value.trim(), filters: {}, zone: zoneName() });
  if (!Object.keys(filters).length) throw new api.RequestFailed(BAD_REQUEST, "type a search, such as app:okta");
  if (groupsOf(filters).length) throw new api.RequestFailed(BAD_REQUEST, "OR, and one field twice, cannot be used here");
  return filters;
}

const searchBox = () => input({ type: "search", required: true, placeholder: "app:okta user:ann*", autofocus: true });

function ruleForm(action, title) {
  const [name, search] = [input({ required: true, maxlength: "200" }), searchBox()];
  const days = action === "delete" && input({ type: "number", min: "1", step: "1", required: true });
  const fields = [field("Name", name), field("Activities, as a search", search), days && field("Delete after days", days)];
  return formDialog(title, fields, async () => ({ name: name.value.trim(), action, filters: await filtersOf(search), ...(days && { days: Number(days.value) }) }));
}

export const deletionPage = () =>
  page("Delete activities", async () => {
    const search = searchBox();
    const result = h("div", { "aria-live": "polite" });
    const count = loader(result, async () => {
      put(result, quiet("Counting …"));
      const filters = await filtersOf(search);
      return outlook(filters, await api.deleteActivities({ filters, dryRun: true }), result);
    });
    return [
      quiet("Deletes activities permanently. Holds and acts of Casbah itself stay, and the deletion is recorded in the audit trail."),
      form(count, { class: "editor" }, field("Activities, as a search", search), h(".row", h("button", "Count them"))),
      result,
    ];
  });

function outlook(filters, { matching, deleted, held, exempt }, result) {
  const really = async () => (await confirmed(deleted)) && run();
  const run = loader(result, async () => {
    const deletion = await api.deleteActivities({ filters, dryRun: false });
    return h("p", { role: "status" }, `Deleted ${activities(deletion.deleted)}.`);
  }, really);
  return [
    h("p", sentence(filters), ": ", searchLink(filters, activities(matching))),
    h("p", `${activities(deleted)} would be deleted; ${counted(held)} on hold and ${counted(exempt)} of Casbah itself stay.`),
    deleted > 0 && h("button.danger", { onclick: really }, `Delete ${activities(deleted)} …`),
  ];
}

function confirmed(number) {
  const typed = input({ inputmode: "numeric", autofocus: true, autocomplete: "off" });
  const read = () => typed.value.replaceAll(",", "").trim() === String(number) || typed.select();
  return formDialog(`Delete ${activities(number)}?`, field(`They cannot be restored. Type ${number} to delete them.`, typed), read, { act: "Delete", kind: "danger" });
}

const unfolding = (brief, whole) => h("details", h("summary", {}, brief), h("pre", { tabindex: "0" }, whole));

/** At first without what it lists. */
function because(reason) {
  const [brief] = reason.split("; known: ");
  return h("span.wrong", {}, brief === reason ? reason : unfolding(brief, reason));
}

export const rejectsPage = () =>
  page("Rejects", async (again) => {
    const { data, total } = await api.rejects(REJECTS);
    const replay = (body) => change(() => api.replayRejects(body), again, "Replayed; what is still refused stays");
    const rows = data.map(({ id, at, sender, source, reason, event }) => {
      const what = `the event of ${moment(at)}`;
      return [
        h("td.when", moment(at)),
        because(reason),
        sender,
        source ?? "not named",
        unfolding(short(event).slice(0, EXCERPT), event),
        [small("Replay", what, () => replay({ ids: [id] })), remover("Remove", what, () => api.removeReject(id), again, "Remove this event? It will not be stored.")],
      ];
    });
    if (!rows.length) return quiet("No rejects: no events were refused.");
    return [
      quiet(`Events that were refused and not stored: the newest ${counted(data.length)} of ${counted(total)}.`),
      h("p", button("Replay all", () => replay({ everything: true }))),
      table("Rejects", ["Date", "Reason", "Sender", "Source", "Event", ""], rows),
    ];
  });
