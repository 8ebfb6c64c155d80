import * as api from "./api.js";
import { attempt, bad, button, buttons, copy, dialog, field, formDialog, h, input, loader, quiet, select, small, sure, template, toast } from "./dom.js";
import { plain } from "./json.js";
import { choicesOf, label, learn, nameable, valueLabel } from "./language.js";
import { anyLink, searchLink } from "./link.js";
import { only } from "./place.js";
import { counted, listed, moment, placeName, sentence } from "./words.js";

const MAX_APPS = 50;
export const noActivities = () => template("no-activities").node;

export function page(title, load) {
  const content = h("div", quiet("Loading …"));
  const again = loader(content, () => load(again));
  return { node: h(".page", h("h1", {}, title), content), draw: again };
}

/** Rows of cells, or the template `empty`; a column without a title has actions. */
export function table(caption, titles, rows, empty) {
  if (!rows.length && empty) return template(empty).node;
  const head = titles.map((title) => (title.localName ? title : h("th", { scope: "col" }, title || h("span.unseen", "Actions"))));
  const cells = (row) => row.map((cell) => (cell?.localName === "td" ? cell : h("td", {}, cell)));
  return h(
    ".scroll",
    { tabindex: "0", role: "region", "aria-label": caption },
    h("table", h("caption.unseen", {}, caption), h("thead", h("tr", head)), h("tbody", rows.map((row) => h("tr", cells(row))))),
  );
}

export const number = (content) => h("td.number", content);

export async function change(run, again, text) {
  await attempt(async () => {
    await run();
    toast(text);
  });
  await again();
}

export const remover = (act, name, run, again, question = [`${act} “`, name, "”?"]) =>
  small(act, name, async () => (await sure(question, act)) && change(run, again, `${act}d`));

const primary = (text, onclick) => h("p", h("button.primary", { onclick }, text));

export const queriesPage = () =>
  page("Queries", async (again) => {
    const { data } = await api.queries();
    const rows = data.map(({ id, name, filters, problem, help, suggested, shared, owner, own }) => [
      searchLink(filters, name),
      problem ? bad(problem) : help || sentence(filters),
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
    const [sources, frequent] = await Promise.all([api.sources(), api.valuesOf("service", { limit: MAX_APPS })]);
    const stored = frequent.map(async ({ value, total }) => {
      const mine = only("service", value);
      const { data: [newest] } = await api.first(mine);
      return [searchLink(mine, plain(newest?.appName) || valueLabel("service", value)), number(counted(total)), moment(newest?.timestamp)];
    });
    const pulls = sources.pulls.map(({ name, kind, lag_ms: lag, last_success: success, last_event: event, stored, refused, gaps, error }) => {
      const missing = h("span", { title: gaps.join("\n") }, counted(gaps.length));
      return [name, kind, lag === null ? "never ran" : duration(lag), moment(success), moment(event), number(counted(stored)), number(counted(refused)), number(missing), problem(error)];
    });
    const supported = sources.data.map(({ name, title, apps }) => [name, title, apps.length ? listed(apps.map((app) => app.name)) : "any"]);
    return [
      h("h2", "Apps"),
      stored.length ? table("Apps", ["App", "Activities", "Last activity"], await Promise.all(stored)) : noActivities(),
      h("h2", "Pulled by this server"),
      table("Pulls", ["Name", "Kind", "Lag", "Last success", "Last event", "Stored", "Refused", "Gaps", "Error"], pulls, "no-pulls"),
      h("h2", "Supported sources"),
      table("Supported sources", ["Source", "What it is", "Apps"], supported),
    ];
  });

export const pushesPage = () =>
  page("Pushes", async () => {
    const { data } = await api.pushes();
    const rows = data.map(({ name, kind, to, lagMs, behind, lastSuccess, lastFailure, deadLetters, error }) => {
      const lag = lagMs === null ? "not known yet" : duration(lagMs);
      return [name, kind, to, lag, number(counted(behind)), moment(lastSuccess), moment(lastFailure), number(counted(deadLetters)), problem(error)];
    });
    return table("Pushes", ["Name", "Kind", "To", "Lag", "Behind", "Last success", "Last failure", "Dead letters", "Error"], rows, "no-pushes");
  });

const problem = (error) => (error ? bad(error) : "none");

export function duration(ms) {
  const units = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000]];
  const [unit, length] = units.find(([, length]) => ms >= 2 * length) ?? ["s", 1_000];
  return `${Math.floor(ms / length)} ${unit}`;
}

export const storeRange = (draft, range, again) =>
  change(() => (range ? api.updateRange(range._id, draft) : api.createRange(draft)), again, "Saved; it applies to activities stored from now on");

export const rangesPage = ({ mayManage }) =>
  page("IP ranges", async (again) => {
    const { data } = await api.ranges({ limit: 1_000 });
    const edit = async (range) => {
      const draft = await rangeForm(range);
      if (draft) await storeRange(draft, range, again);
    };
    const rows = data.map((range) => [
      range.name,
      valueLabel("ip.category", range.category),
      listed(networksOf(range)),
      listed(tagsOf(range)),
      range.organization,
      listed(placeName(range.location)),
      mayManage && [small("Change", range.name, () => edit(range)), remover("Delete", range.name, () => api.deleteRange(range._id), again)],
    ]);
    return [
      mayManage && primary("New IP range", () => edit(null)),
      table("IP ranges", ["Name", "Category", "Networks", "Tags", "Organization", "Location", ""], rows, "no-ranges"),
    ];
  });

const networksOf = (range) => range?.subnets.map((subnet) => subnet.originalString) ?? [];
export const tagsOf = (range) => range?.tags.map((tag) => tag.name) ?? [];
export const categories = () => choicesOf("ip.category").filter(({ value }) => value > 0).map(({ value, name }) => [value, name]);

function rangeForm(range) {
  const category = select(categories(), range?.category);
  const { node, name, networks, tags, organization, kind } = template("ip-range");
  kind.append(category);
  name.value = range?.name ?? "";
  networks.value = networksOf(range).join("\n");
  tags.value = tagsOf(range).join(", ");
  organization.value = range?.organization ?? "";
  const split = ({ value }, separator) => value.split(separator).map((part) => part.trim()).filter(Boolean);
  const read = () => ({
    name: name.value,
    category: Number(category.value),
    subnets: split(networks, /[\s,]/),
    tags: split(tags, ","),
    organization: organization.value || null,
    location: range?.location ?? null,
  });
  return formDialog(range ? ["Change “", range.name, "”"] : "New IP range", node, read);
}

export const namesPage = ({ mayManage }) =>
  page("Names", async (again) => {
    const { data } = await api.names();
    const rows = data.map(({ filter, value, name }) => [
      label(filter), anyLink(filter, value, value), name,
      mayManage && [small("Change", name, () => nameForm({ filter, value, name }, again)), small("Remove", name, () => give({ filter, value, name: null }, again))],
    ]);
    return [
      mayManage && primary("New name", () => nameForm({}, again)),
      table("Names", ["Filter", "Value", "Name", ""], rows, "no-names"),
    ];
  });

export function naming(filter, value, { mayManage, again }) {
  if (!nameable().includes(filter)) return null;
  const name = valueLabel(filter, value);
  const isNamed = name !== value;
  const change = () => nameForm({ filter, value, name: isNamed ? name : "" }, again);
  return h("p.row.wrap", isNamed && h("span", "Known as ", h("b.break", name)), mayManage && button(isNamed ? "Change the name" : "Give a name", change));
}

const give = (entry, again) => change(() => api.giveName(entry).then(learn), again, entry.name ? "Saved" : "Removed");

async function nameForm(entry, again) {
  const filter = select(nameable().map((name) => [name, label(name)]));
  const value = input({ required: true, maxlength: "1000" });
  const name = input({ maxlength: "200", required: !entry.filter, autofocus: true, value: entry.name });
  const fields = [!entry.filter && [field("Filter", filter), field("Value, as activities have it", value)], field("Name", name)];
  const read = () => ({ filter: entry.filter ?? filter.value, value: entry.value ?? value.value, name: name.value.trim() || null });
  const wanted = await formDialog(entry.filter ? ["Name of ", entry.value] : "New name", fields, read);
  if (wanted) await give(wanted, again);
}

export const tokensPage = () =>
  page("Tokens", async (again) => {
    const { data } = await api.tokens();
    const rows = data.map(({ id, name, status, tenant, scopes, created, used, expires }) => {
      const revoke = () => remover("Revoke", name, () => api.revokeToken(id), again, ["Revoke “", name, "”? It stops working at once."]);
      return [name, status, tenant, scopes.join(", "), ...[created, used, expires].map(moment), status !== "Revoked" && revoke()];
    });
    return [primary("New token", () => create(again)), table("Tokens", ["Name", "Status", "Tenant", "Permissions", "Created", "Last used", "Expires", ""], rows)];
  });

async function create(again) {
  const { node, name } = template("new-token");
  const read = () => {
    const scopes = [...node.querySelectorAll(":checked")].map(({ value }) => value);
    return scopes.length ? { name: name.value, scopes } : undefined;
  };
  const wanted = await formDialog("New token", node, read, { act: "Create" });
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
