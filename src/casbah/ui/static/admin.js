import * as api from "./api.js";
import { sentenceOf, short, userOf } from "./columns.js";
import { bad, button, field, formDialog, h, input, loader, onSubmit, put, quiet, small, template } from "./dom.js";
import { momentLink, searchLink } from "./link.js";
import { change, page, remover, table } from "./pages.js";
import { CASBAH } from "./period.js";
import { address, groupsOf, only } from "./place.js";
import { activities, counted, moment, plural, sentence, zoneName } from "./words.js";

const SHOWN = 100;
const EXCERPT = 60;

function named({ rawDataJson }) {
  const name = rawDataJson?.asked?.name ?? rawDataJson?.about;
  return name && [": ", short(name)];
}

export const auditPage = () =>
  page("Audit trail", async () => {
    const filters = only("service", CASBAH);
    const { data, total } = await api.list({ filters, limit: SHOWN });
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
    const rows = data.map(({ id, format, filters, owner, error, state, rows, total, ...item }) => {
      const date = moment(item.asked);
      const what = `${format} of ${date}`;
      const file = state === "ready" && h("a.button", { href: api.exportFile(id), download: "", "aria-label": `Download ${what}` }, "Download");
      const remove = small("Delete", what, () => change(() => api.deleteExport(id), again, "Deleted"));
      return [date, format, sentence(filters), owner, error ? bad(error) : state, [counted(rows), total !== null && ` of ${counted(total)}`], [file, " ", remove]];
    });
    return table("Exports", ["Date", "Format", "Query", "Owner", "State", "Activities", ""], rows, "no-exports");
  });

export const retentionPage = ({ may }) =>
  page("Retention and holds", async (again) => {
    const [{ data }, trail] = await Promise.all([api.rules(), api.trail()]);
    const kept = trail.days === null ? "forever" : `for ${plural(trail.days, "day")}`;
    return [KINDS.map((kind) => rulesOf(kind, data, may, again)), h("h2", "Audit trail"), quiet(`Acts of Casbah itself are kept ${kept}.`)];
  });

const KINDS = [
  { title: "Retention rules", action: "delete", permission: "Activities.delete", make: "New rule", days: ["Deleted"], empty: "no-rules" },
  { title: "Holds", action: "hold", permission: "Holds.manage", make: "New hold", days: [], empty: "no-holds" },
];

function rulesOf({ title, action, permission, make, days, empty }, all, may, again) {
  const mayChange = may(permission);
  const add = async () => {
    const draft = await ruleForm(action, make);
    if (draft) await change(() => api.addRule(draft), again, "Saved");
  };
  const rows = all.filter((rule) => rule.action === action).map(({ id, name, filters, days, owner, changed }) => {
    const remove = mayChange && remover("Remove", name, () => api.removeRule(id), again);
    return [searchLink(filters, name), sentence(filters), ...(days === null ? [] : [`after ${plural(days, "day")}`]), owner, moment(changed), remove];
  });
  return [h("h2", title), mayChange && h("p", button(make, add)), table(title, ["Name", "Activities", ...days, "Owner", "Changed", ""], rows, empty)];
}

async function filtersOf({ value }) {
  const { filters } = await api.explain({ q: value.trim(), filters: {}, zone: zoneName() });
  if (!Object.keys(filters).length) throw new api.RequestFailed(400, "type a search, such as app:okta");
  if (groupsOf(filters).length) throw new api.RequestFailed(400, "OR, and one field twice, cannot be used here");
  return filters;
}

function ruleForm(action, title) {
  const { node, name, search, days, age } = template("rule");
  if (action === "hold") age.remove();
  const after = () => action === "delete" && { days: Number(days.value) };
  return formDialog(title, node, async () => ({ name: name.value.trim(), action, filters: await filtersOf(search), ...after() }));
}

export const deletionPage = () =>
  page("Delete activities", async () => {
    const { node, form, search, result } = template("deletion");
    const count = loader(result, async () => {
      put(result, quiet("Counting …"));
      const filters = await filtersOf(search);
      return outlook(filters, await api.deleteActivities({ filters, dryRun: true }), result);
    });
    onSubmit(form, count);
    return node;
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

function because(reason) {
  const [brief] = reason.split("; known: ");
  return bad(brief === reason ? reason : unfolding(brief, reason));
}

export const rejectsPage = () =>
  page("Rejects", async (again) => {
    const { data, total } = await api.rejects(SHOWN);
    const replay = (body) => change(() => api.replayRejects(body), again, "Replayed; what is still refused stays");
    const rows = data.map(({ id, at, sender, source, reason, event }) => {
      const what = `the event of ${moment(at)}`;
      const acts = [small("Replay", what, () => replay({ ids: [id] })), remover("Remove", what, () => api.removeReject(id), again, "Remove this event? It will not be stored.")];
      return [h("td.when", moment(at)), because(reason), sender, source ?? "not named", unfolding(short(event).slice(0, EXCERPT), event), acts];
    });
    if (!rows.length) return template("no-rejects").node;
    return [
      quiet(`Events that were refused and not stored: the newest ${counted(data.length)} of ${counted(total)}.`),
      h("p", button("Replay all", () => replay({ everything: true }))),
      table("Rejects", ["Date", "Reason", "Sender", "Source", "Event", ""], rows),
    ];
  });
