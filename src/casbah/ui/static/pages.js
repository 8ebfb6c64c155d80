// The other pages: queries, sources, IP ranges, tokens.

import * as api from "./api.js";
import { copy, dialog, formButtons, h, put, toast } from "./dom.js";
import { failure } from "./failure.js";
import { choicesOf, valueLabel } from "./language.js";
import { address } from "./place.js";
import { counted, listed, moment, sentence } from "./words.js";

const MAX_APPS = 50;

/** A page whose content `load()` creates; `again()` reloads it. */
export function page(title, load) {
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

export const table = (caption, titles, rows) =>
  h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "unseen" }, caption), h("thead", {}, h("tr", {}, titles.map((title) => h("th", { scope: "col" }, title || h("span", { class: "unseen" }, "Actions"))))), h("tbody", {}, rows)),
  );
export const cells = (...values) => h("tr", {}, values.map((value) => h("td", {}, value)));

/** Change something on the server, then reload the page. */
export async function change(run, again, text) {
  try {
    await run();
    if (text) toast(text);
  } catch (error) {
    toast(error.message, "bad");
  }
  await again();
}

export async function sure(question, act) {
  return (await dialog(question, (done) => h("div", { class: "row end" }, h("button", { autofocus: true, onclick: () => done(false) }, "Cancel"), h("button", { class: "danger", onclick: () => done(true) }, act)))) === true;
}

export const queriesPage = () =>
  page("Queries", async (again) => {
    const { data } = await api.queries();
    const drop = async (query) => (await sure(["Delete “", query.name, "”?"], "Delete")) && change(() => api.deleteQuery(query.id), again, "Deleted");
    const rows = data.map((query) =>
      cells(
        h("a", { href: address({ filters: query.filters }) }, query.name),
        query.problem ? h("span", { class: "wrong" }, query.problem) : query.help || sentence(query.filters),
        query.suggested ? "Suggested" : query.shared ? "Shared" : "Private",
        query.owner ?? "",
        query.own && h("button", { class: "bare", "aria-label": ["Delete ", query.name], onclick: () => drop(query) }, "Delete"),
      ),
    );
    return table("Queries", ["Name", "Query", "Visibility", "Owner", ""], rows);
  });

export const sourcesPage = () =>
  page("Sources", async () => {
    const [sources, apps] = await Promise.all([api.sources(), api.facets({ facets: ["service"], limit: MAX_APPS })]);
    const newest = await Promise.all(
      apps.facets[0].values.map(async ({ value, total }) => {
        const { data } = await api.list({ filters: { service: { eq: [value] } }, limit: 1 });
        return { value, total, record: data[0] };
      }),
    );
    const pulls = sources.pulls.map((pull) =>
      cells(pull.name, pull.kind, pull.lag_ms === null ? "never ran" : duration(pull.lag_ms), moment(pull.last_success), moment(pull.last_event), counted(pull.stored), counted(pull.refused), pull.gaps.length ? h("span", { title: pull.gaps.join("\n") }, counted(pull.gaps.length)) : "0", h("span", { class: pull.error ? "wrong" : "" }, pull.error || "none")),
    );
    return [
      h("h2", {}, "Apps"),
      newest.length
        ? table("Apps", ["App", "Activities", "Last activity"], newest.map(({ value, total, record }) => cells(h("a", { href: address({ filters: { service: { eq: [value] } }, time: "all" }) }, record?.appName ?? valueLabel("service", value)), counted(total), moment(record?.timestamp))))
        : h("p", {}, "No activities yet. ", h("code", {}, "casbah ingest FILE"), " reads logs; ", h("code", {}, "casbah pull"), " pulls them from hosted apps."),
      h("h2", {}, "Pulled by this server"),
      pulls.length ? table("Pulls", ["Name", "Kind", "Lag", "Last success", "Last event", "Stored", "Refused", "Gaps", "Error"], pulls) : h("p", { class: "quiet" }, "No pull sources configured. Set CASBAH_PULL to a config file."),
      h("h2", {}, "Supported sources"),
      table("Supported sources", ["Source", "What it is", "Apps"], sources.data.map((source) => cells(source.name, source.title, source.apps.length ? listed(source.apps.map((app) => app.name)) : "any"))),
    ];
  });

export const pushesPage = () =>
  page("Pushes", async () => {
    const rows = (await api.pushes()).data.map((push) =>
      cells(push.name, push.kind, push.to, lag(push.lagMs), counted(push.behind), moment(push.lastSuccess), moment(push.lastFailure), counted(push.deadLetters), h("span", { class: push.error ? "wrong" : "" }, push.error || "none")),
    );
    return rows.length ? table("Pushes", ["Name", "Kind", "To", "Lag", "Behind", "Last success", "Last failure", "Dead letters", "Error"], rows) : h("p", { class: "quiet" }, "No pushes configured. Set CASBAH_PUSH to a config file.");
  });

const lag = (ms) => (ms === null ? "not known yet" : duration(ms));

function duration(ms) {
  const units = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000]];
  const [unit, length] = units.find(([, length]) => ms >= 2 * length) ?? ["s", 1_000];
  return `${Math.floor(ms / length)} ${unit}`;
}

export const rangesPage = ({ mayManage }) =>
  page("IP ranges", async (again) => {
    const { data } = await api.ranges({ limit: 1_000 });
    const drop = async (range) => (await sure(["Delete “", range.name, "”?"], "Delete")) && change(() => api.deleteRange(range._id), again, "Deleted");
    const edit = async (range) => {
      const draft = await rangeForm(range);
      if (draft) await change(() => (range ? api.updateRange(range._id, draft) : api.createRange(draft)), again, "Saved; it applies to activities stored from now on");
    };
    const rows = data.map((range) =>
      cells(
        range.name,
        valueLabel("ip.category", range.category),
        listed(range.subnets.map((item) => item.originalString)),
        listed(range.tags.map((item) => item.name)),
        range.organization ?? "",
        listed([range.location?.city, range.location?.countryCode].filter(Boolean)),
        mayManage && [h("button", { class: "bare", "aria-label": ["Change ", range.name], onclick: () => edit(range) }, "Change"), h("button", { class: "bare", "aria-label": ["Delete ", range.name], onclick: () => drop(range) }, "Delete")],
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
    const category = h("select", {}, choicesOf("ip.category").filter((item) => item.value > 0).map((item) => h("option", { value: item.value, selected: item.value === range?.category }, item.name)));
    const networks = h("textarea", { rows: 4, required: true, value: range?.subnets.map((item) => item.originalString).join("\n") ?? "" });
    const tags = h("input", { type: "text", value: range?.tags.map((item) => item.name).join(", ") ?? "" });
    const organization = h("input", { type: "text", value: range?.organization ?? "" });
    const split = (text) => text.split(/[\s,]+/).filter(Boolean);
    const submit = (event) => {
      event.preventDefault();
      done({ name: name.value, category: Number(category.value), subnets: split(networks.value), tags: tags.value.split(",").map((item) => item.trim()).filter(Boolean), organization: organization.value || null, location: range?.location ?? null });
    };
    const field = (title, input) => h("label", { class: "field" }, title, input);
    return h(
      "form",
      { onsubmit: submit },
      field("Name", name),
      field("Category", category),
      field("Networks, one per line", networks),
      field("Tags, comma-separated", tags),
      field("Organization", organization),
      formButtons(done, "Save"),
    );
  });
}

export const tokensPage = () =>
  page("Tokens", async (again) => {
    const { data } = await api.tokens();
    const revoke = async (token) => (await sure(["Revoke “", token.name, "”? It stops working at once."], "Revoke")) && change(() => api.revokeToken(token.id), again, "Revoked");
    const rows = data.map((token) =>
      cells(token.name, token.status, token.tenant, token.scopes.join(", "), moment(token.created), moment(token.used), moment(token.expires), token.status !== "Revoked" && h("button", { class: "bare", "aria-label": ["Revoke ", token.name], onclick: () => revoke(token) }, "Revoke")),
    );
    return [h("p", {}, h("button", { class: "primary", onclick: () => create(again) }, "New token")), table("Tokens", ["Name", "Status", "Tenant", "Scopes", "Created", "Last used", "Expires", ""], rows)];
  });

const SCOPES = [
  ["Investigation.read", "See activities"],
  ["Investigation.manage", "See activities, manage IP ranges"],
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
      h("fieldset", {}, h("legend", {}, "Permissions"), boxes.map(([scope, box, help]) => h("label", { class: "option" }, box, scope, h("span", { class: "quiet" }, help)))),
      formButtons(done, "Create"),
    );
  });
  if (!wanted) return;
  try {
    const token = await api.createToken(wanted);
    await dialog(["The token “", token.name, "”"], (done) =>
      h(
        "div",
        {},
        h("p", {}, "It is shown only once."),
        h("pre", { tabindex: "0" }, token.token),
        h("div", { class: "row end" }, h("button", { autofocus: true, onclick: () => copy(token.token, "Token") }, "Copy"), h("button", { class: "primary", onclick: () => done(null) }, "Done")),
      ),
    );
  } catch (error) {
    toast(error.message, "bad");
  }
  await again();
}
