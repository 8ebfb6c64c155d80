// The pages beside the log: queries, sources, IP ranges, tokens.

import * as api from "./api.js";
import { copy, dialog, h, put, say } from "./dom.js";
import { failure } from "./failure.js";
import { choicesOf, valueLabel } from "./language.js";
import { address } from "./place.js";
import { counted, listed, moment, sentence } from "./words.js";

const MOST_APPS = 50;

/** A page whose content `load()` makes; `again()` makes it anew. */
function page(title, load) {
  const content = h("div", {}, h("p", { class: "quiet" }, "Loading …"));
  const again = async () => {
    try {
      put(content, await load(again));
    } catch (error) {
      if (error.status !== 401) put(content, failure(error, again));
    }
  };
  return { node: h("div", { class: "page" }, h("h1", {}, title), content), draw: again };
}

const table = (caption, titles, rows) =>
  h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "unseen" }, caption), h("thead", {}, h("tr", {}, titles.map((each) => h("th", { scope: "col" }, each || h("span", { class: "unseen" }, "Actions"))))), h("tbody", {}, rows)),
  );
const cells = (...values) => h("tr", {}, values.map((each) => h("td", {}, each)));

/** Do something that changes the server, and show the page anew. */
async function change(run, again, text) {
  try {
    await run();
    if (text) say(text);
  } catch (error) {
    say(error.message, "bad");
  }
  await again();
}

async function sure(question, act) {
  return (await dialog(question, (done) => h("div", { class: "row end" }, h("button", { autofocus: true, onclick: () => done(false) }, "Cancel"), h("button", { class: "danger", onclick: () => done(true) }, act)))) === true;
}

export const queriesPage = () =>
  page("Queries", async (again) => {
    const { data } = await api.queries();
    const drop = async (each) => (await sure(["Delete “", each.name, "”?"], "Delete")) && change(() => api.deleteQuery(each.id), again, "Deleted");
    const rows = data.map((each) =>
      cells(
        h("a", { href: address({ filters: each.filters }) }, each.name),
        each.help || sentence(each.filters),
        each.suggested ? "Suggested" : each.shared ? "Shared" : "Private",
        each.owner ?? "",
        each.own && h("button", { class: "bare", "aria-label": ["Delete ", each.name], onclick: () => drop(each) }, "Delete"),
      ),
    );
    return table("Queries", ["Name", "What it finds", "Who sees it", "Owner", ""], rows);
  });

export const sourcesPage = () =>
  page("Sources", async () => {
    const [said, apps] = await Promise.all([api.sources(), api.facets({ facets: ["service"], limit: MOST_APPS })]);
    const newest = await Promise.all(
      apps.facets[0].values.map(async ({ value, total }) => {
        const { data } = await api.list({ filters: { service: { eq: [value] } }, limit: 1 });
        return { value, total, record: data[0] };
      }),
    );
    const pulls = said.pulls.map((each) =>
      cells(each.name, each.kind, each.lag_ms === null ? "never ran" : lasting(each.lag_ms), moment(each.last_success), moment(each.last_event), counted(each.stored), counted(each.refused), each.gaps.length ? h("span", { title: each.gaps.join("\n") }, counted(each.gaps.length)) : "0", h("span", { class: each.error ? "wrong" : "" }, each.error || "none")),
    );
    return [
      h("h2", {}, "Apps"),
      newest.length
        ? table("Apps", ["App", "Activities", "Last activity"], newest.map(({ value, total, record }) => cells(h("a", { href: address({ filters: { service: { eq: [value] } } }) }, record?.appName ?? valueLabel("service", value)), counted(total), moment(record?.timestamp))))
        : h("p", {}, "Nothing is stored yet. ", h("code", {}, "casbah ingest FILE"), " reads logs; ", h("code", {}, "casbah pull"), " fetches them."),
      h("h2", {}, "Fetched by this server"),
      pulls.length ? table("Pulls", ["Name", "Kind", "Lag", "Last success", "Last event", "Stored", "Refused", "Gaps", "Error"], pulls) : h("p", { class: "quiet" }, "No pull sources configured. Set CASBAH_PULL to a config file."),
      h("h2", {}, "What can be read"),
      table("Sources that can be read", ["Source", "What it is", "Apps"], said.data.map((each) => cells(each.name, each.title, each.apps.length ? listed(each.apps.map((one) => one.name)) : "any"))),
    ];
  });

function lasting(ms) {
  const units = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000]];
  const [unit, length] = units.find(([, each]) => ms >= 2 * each) ?? ["s", 1_000];
  return `${Math.floor(ms / length)} ${unit}`;
}

export const rangesPage = ({ mayManage }) =>
  page("IP ranges", async (again) => {
    const { data } = await api.ranges({ limit: 1_000 });
    const drop = async (each) => (await sure(["Delete “", each.name, "”?"], "Delete")) && change(() => api.deleteRange(each._id), again, "Deleted");
    const edit = async (each) => {
      const drawn = await rangeForm(each);
      if (drawn) await change(() => (each ? api.updateRange(each._id, drawn) : api.createRange(drawn)), again, "Kept; it counts for activities that are stored from now on");
    };
    const rows = data.map((each) =>
      cells(
        each.name,
        valueLabel("ip.category", each.category),
        listed(each.subnets.map((one) => one.originalString)),
        listed(each.tags.map((one) => one.name)),
        each.organization ?? "",
        listed([each.location?.city, each.location?.countryCode].filter(Boolean)),
        mayManage && [h("button", { class: "bare", "aria-label": ["Change ", each.name], onclick: () => edit(each) }, "Change"), h("button", { class: "bare", "aria-label": ["Delete ", each.name], onclick: () => drop(each) }, "Delete")],
      ),
    );
    return [
      mayManage && h("p", {}, h("button", { class: "primary", onclick: () => edit(null) }, "New IP range")),
      rows.length ? table("IP ranges", ["Name", "Category", "Networks", "Tags", "Organization", "Location", ""], rows) : h("p", { class: "quiet" }, "No IP ranges yet. Add one to label addresses as corporate, VPN or risky."),
    ];
  });

function rangeForm(range) {
  return dialog(range ? ["Change “", range.name, "”"] : "New IP range", (done) => {
    const name = h("input", { type: "text", required: true, maxlength: "200", value: range?.name ?? "" });
    const category = h("select", {}, choicesOf("ip.category").filter((each) => each.value > 0).map((each) => h("option", { value: each.value, selected: each.value === range?.category }, each.name)));
    const networks = h("textarea", { rows: 4, required: true, value: range?.subnets.map((each) => each.originalString).join("\n") ?? "" });
    const tags = h("input", { type: "text", value: range?.tags.map((each) => each.name).join(", ") ?? "" });
    const organization = h("input", { type: "text", value: range?.organization ?? "" });
    const split = (text) => text.split(/[\s,]+/).filter(Boolean);
    const submit = (event) => {
      event.preventDefault();
      done({ name: name.value, category: Number(category.value), subnets: split(networks.value), tags: tags.value.split(",").map((each) => each.trim()).filter(Boolean), organization: organization.value || null, location: range?.location ?? null });
    };
    const field = (title, input) => h("label", { class: "field" }, title, input);
    return h(
      "form",
      { onsubmit: submit },
      field("Name", name),
      field("Category", category),
      field("Networks, one a line", networks),
      field("Tags, with commas between", tags),
      field("Organization", organization),
      h("div", { class: "row end" }, h("button", { type: "button", onclick: () => done(null) }, "Cancel"), h("button", { class: "primary" }, "Keep")),
    );
  });
}

export const tokensPage = () =>
  page("Tokens", async (again) => {
    const { data } = await api.tokens();
    const revoke = async (each) => (await sure(["Revoke “", each.name, "”? It stops working at once."], "Revoke")) && change(() => api.revokeToken(each.id), again, "Revoked");
    const rows = data.map((each) =>
      cells(each.name, each.status, each.tenant, each.scopes.join(", "), moment(each.created), moment(each.used), moment(each.expires), each.status !== "Revoked" && h("button", { class: "bare", "aria-label": ["Revoke ", each.name], onclick: () => revoke(each) }, "Revoke")),
    );
    return [h("p", {}, h("button", { class: "primary", onclick: () => create(again) }, "New token")), table("Tokens", ["Name", "Status", "Tenant", "Scopes", "Created", "Last used", "Expires", ""], rows)];
  });

const SCOPES = [
  ["Investigation.read", "See activities"],
  ["Investigation.manage", "See activities, change IP ranges"],
  ["Ingest.write", "Store activities"],
  ["Admin.manage", "Read the server's metrics, see retention rules"],
  ["Activities.delete", "Delete activities, set retention rules"],
  ["Holds.manage", "Set and remove legal holds"],
  ["Tokens.manage", "Manage tokens"],
];

async function create(again) {
  const wanted = await dialog("New token", (done) => {
    const name = h("input", { type: "text", required: true, autofocus: true });
    const boxes = SCOPES.map(([scope, help], position) => [scope, h("input", { type: "checkbox", checked: position === 0 }), help]);
    const submit = (event) => {
      event.preventDefault();
      const scopes = boxes.filter(([, box]) => box.checked).map(([scope]) => scope);
      if (scopes.length) done({ name: name.value, scopes });
    };
    return h(
      "form",
      { onsubmit: submit },
      h("label", { class: "field" }, "Name", name),
      h("fieldset", {}, h("legend", {}, "What it may do"), boxes.map(([scope, box, help]) => h("label", { class: "option" }, box, scope, h("span", { class: "quiet" }, help)))),
      h("div", { class: "row end" }, h("button", { type: "button", onclick: () => done(null) }, "Cancel"), h("button", { class: "primary" }, "Create")),
    );
  });
  if (!wanted) return;
  try {
    const made = await api.createToken(wanted);
    await dialog(["The token “", made.name, "”"], (done) =>
      h(
        "div",
        {},
        h("p", {}, "This is the only time that it is shown."),
        h("pre", { tabindex: "0" }, made.token),
        h("div", { class: "row end" }, h("button", { autofocus: true, onclick: () => copy(made.token, "Token") }, "Copy"), h("button", { class: "primary", onclick: () => done(null) }, "Done")),
      ),
    );
  } catch (error) {
    say(error.message, "bad");
  }
  await again();
}
