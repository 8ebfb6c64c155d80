import * as api from "./api.js";
import { attempt, button, buttons, copy, dialog, field, formDialog, h, quiet, small, sure, toast } from "./dom.js";
import { loader } from "./failure.js";
import { choicesOf, valueLabel } from "./language.js";
import { searchLink } from "./link.js";
import { only } from "./place.js";
import { counted, listed, moment, sentence } from "./words.js";

const MAX_APPS = 50;
export const NO_ACTIVITIES = () => h("p", "No activities yet. ", h("code", "casbah ingest FILE"), " reads logs; ", h("code", "casbah pull"), " pulls them from hosted apps.");

/** `again()` reloads the content. */
export function page(title, load) {
  const content = h("div", quiet("Loading …"));
  const again = loader(content, () => load(again));
  return { node: h(".page", h("h1", {}, title), content), draw: again };
}

/** Rows of cells, or the text `empty`; a column without a title has actions. */
export function table(caption, titles, rows, empty) {
  if (!rows.length && empty) return quiet(empty);
  const head = titles.map((title) => title.localName ? title : h("th", { scope: "col" }, title || h("span.unseen", "Actions")));
  const cells = (row) => row.map((cell) => (cell?.localName === "td" ? cell : h("td", {}, cell)));
  return h(
    ".scroll",
    { tabindex: "0", role: "region", "aria-label": caption },
    h("table", h("caption.unseen", {}, caption), h("thead", h("tr", head)), h("tbody", rows.map((row) => h("tr", cells(row))))),
  );
}

export async function change(run, again, text) {
  await attempt(async () => {
    await run();
    toast(text);
  });
  await again();
}

export const remover = (act, name, run, again, question = [`${act} “`, name, "”?"]) =>
  small(act, name, async () => (await sure(question, act)) && change(run, again, `${act}d`));

export const primary = (text, onclick) => h("p", h("button.primary", { onclick }, text));
export const input = (attributes) => h("input", { type: "text", ...attributes });
export const select = (options, chosen) => h("select", options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));

export const queriesPage = () =>
  page("Queries", async (again) => {
    const { data } = await api.queries();
    const rows = data.map(({ id, name, filters, problem, help, suggested, shared, owner, own }) => [
      searchLink(filters, name),
      problem ? h("span.wrong", {}, problem) : help || sentence(filters),
      suggested ? "Suggested" : shared ? "Shared" : "Private",
      owner,
      own && remover("Delete", name, () => api.deleteQuery(id), again),
    ]);
    // Suggested ones have no owner.
    const columns = data.every(({ suggested }) => suggested) ? 2 : 5;
    return table("Queries", ["Name", "Query", "Visibility", "Owner", ""].slice(0, columns), rows.map((row) => row.slice(0, columns)));
  });

export const sourcesPage = () =>
  page("Sources", async () => {
    const [sources, { facets: [apps] }] = await Promise.all([api.sources(), api.facets({ facets: ["service"], limit: MAX_APPS })]);
    const stored = apps.values.map(async ({ value, total }) => {
      const { data: [newest] } = await api.list({ filters: only("service", value), limit: 1 });
      return [searchLink(only("service", value), newest?.appName ?? valueLabel("service", value)), counted(total), moment(newest?.timestamp)];
    });
    const pulls = sources.pulls.map(({ name, kind, lag_ms: lag, last_success: success, last_event: event, stored, refused, gaps, error }) => [
      name,
      kind,
      lag === null ? "never ran" : duration(lag),
      moment(success),
      moment(event),
      counted(stored),
      counted(refused),
      gaps.length ? h("span", { title: gaps.join("\n") }, counted(gaps.length)) : "0",
      problem(error),
    ]);
    const supported = sources.data.map(({ name, title, apps }) => [name, title, apps.length ? listed(apps.map((app) => app.name)) : "any"]);
    return [
      h("h2", "Apps"),
      stored.length ? table("Apps", ["App", "Activities", "Last activity"], await Promise.all(stored)) : NO_ACTIVITIES(),
      h("h2", "Pulled by this server"),
      table("Pulls", ["Name", "Kind", "Lag", "Last success", "Last event", "Stored", "Refused", "Gaps", "Error"], pulls, "No pull sources configured. Set CASBAH_PULL to a config file."),
      h("h2", "Supported sources"),
      table("Supported sources", ["Source", "What it is", "Apps"], supported),
    ];
  });

export const pushesPage = () =>
  page("Pushes", async () => {
    const { data } = await api.pushes();
    const rows = data.map(({ name, kind, to, lagMs, behind, lastSuccess, lastFailure, deadLetters, error }) => [
      name,
      kind,
      to,
      lagMs === null ? "not known yet" : duration(lagMs),
      counted(behind),
      moment(lastSuccess),
      moment(lastFailure),
      counted(deadLetters),
      problem(error),
    ]);
    return table("Pushes", ["Name", "Kind", "To", "Lag", "Behind", "Last success", "Last failure", "Dead letters", "Error"], rows, "No pushes configured. A push sends stored activities on to another system, such as a SIEM. Set CASBAH_PUSH to a config file (casbah help push).");
  });

const problem = (error) => (error ? h("span.wrong", {}, error) : "none");

export function duration(ms) {
  const units = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000]];
  const [unit, length] = units.find(([, length]) => ms >= 2 * length) ?? ["s", 1_000];
  return `${Math.floor(ms / length)} ${unit}`;
}

export const rangesPage = ({ mayManage }) =>
  page("IP ranges", async (again) => {
    const { data } = await api.ranges({ limit: 1_000 });
    const edit = async (range) => {
      const draft = await rangeForm(range);
      if (draft) await change(() => (range ? api.updateRange(range._id, draft) : api.createRange(draft)), again, "Saved; it applies to activities stored from now on");
    };
    const rows = data.map((range) => [
      range.name,
      valueLabel("ip.category", range.category),
      listed(networksOf(range)),
      listed(tagsOf(range)),
      range.organization,
      listed([range.location?.city, range.location?.countryCode].filter(Boolean)),
      mayManage && [small("Change", range.name, () => edit(range)), remover("Delete", range.name, () => api.deleteRange(range._id), again)],
    ]);
    return [
      mayManage && primary("New IP range", () => edit(null)),
      table("IP ranges", ["Name", "Category", "Networks", "Tags", "Organization", "Location", ""], rows, "No IP ranges yet. Add one to label addresses as corporate, VPN or risky. Labels that activities have without one come from their source."),
    ];
  });

const networksOf = (range) => range?.subnets.map((subnet) => subnet.originalString) ?? [];
export const tagsOf = (range) => range?.tags.map((tag) => tag.name) ?? [];
export const categories = () => choicesOf("ip.category").filter(({ value }) => value > 0).map(({ value, name }) => [value, name]);

function rangeForm(range) {
  const name = input({ required: true, maxlength: "200", value: range?.name });
  const category = select(categories(), range?.category);
  const networks = h("textarea", { rows: 4, required: true, value: networksOf(range).join("\n") });
  const tags = input({ value: tagsOf(range).join(", ") });
  const organization = input({ value: range?.organization });
  const fields = { Name: name, Category: category, "Networks, one per line": networks, "Tags, comma-separated": tags, Organization: organization };
  const split = (text, separator) => text.split(separator).map((part) => part.trim()).filter(Boolean);
  const read = () => ({
    name: name.value,
    category: Number(category.value),
    subnets: split(networks.value, /[\s,]/),
    tags: split(tags.value, ","),
    organization: organization.value || null,
    location: range?.location ?? null,
  });
  return formDialog(range ? ["Change “", range.name, "”"] : "New IP range", Object.entries(fields).map((one) => field(...one)), read);
}

export const tokensPage = () =>
  page("Tokens", async (again) => {
    const { data } = await api.tokens();
    const rows = data.map(({ id, name, status, tenant, scopes, created, used, expires }) => [
      name,
      status,
      tenant,
      scopes.join(", "),
      moment(created),
      moment(used),
      moment(expires),
      status !== "Revoked" && remover("Revoke", name, () => api.revokeToken(id), again, ["Revoke “", name, "”? It stops working at once."]),
    ]);
    return [primary("New token", () => create(again)), table("Tokens", ["Name", "Status", "Tenant", "Scopes", "Created", "Last used", "Expires", ""], rows)];
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
  const name = input({ required: true, autofocus: true });
  const boxes = SCOPES.map(([value, help], position) => ({ help, box: h("input", { type: "checkbox", value, checked: position === 0 }) }));
  const permissions = boxes.map(({ box, help }) => h("label.option", box, box.value, h("span.quiet", help)));
  const read = () => {
    const scopes = boxes.filter(({ box }) => box.checked).map(({ box }) => box.value);
    return scopes.length ? { name: name.value, scopes } : undefined;
  };
  const wanted = await formDialog("New token", [field("Name", name), h("fieldset", h("legend", "Permissions"), permissions)], read, { act: "Create" });
  if (!wanted) return;
  await attempt(async () => {
    const { name, token } = await api.createToken(wanted);
    await dialog(["The token “", name, "”"], (done) => [
      h("p", "It is shown only once."),
      h("pre", { tabindex: "0" }, token),
      buttons(button("Copy", () => copy(token, "Token"), { autofocus: true }), h("button.primary", { onclick: () => done() }, "Done")),
    ]);
  });
  await again();
}
