import * as api from "./api.js";
import { button, field, formDialog, h, small } from "./dom.js";
import { label, learn, nameable, valueLabel } from "./language.js";
import { anyLink } from "./link.js";
import { change, input, page, primary, select, table } from "./pages.js";

export const namesPage = ({ mayManage }) =>
  page("Names", async (again) => {
    const { data } = await api.names();
    const rows = data.map(({ filter, value, name }) => [
      label(filter),
      anyLink(filter, value, value),
      name,
      mayManage && [small("Change", name, () => edit({ filter, value, name }, again)), small("Remove", name, () => give({ filter, value, name: null }, again))],
    ]);
    return [
      mayManage && primary("New name", () => edit({}, again)),
      table("Names", ["Filter", "Value", "Name", ""], rows, "No names yet. Give one to a group, an app instance, a user or an address to see it instead of the id."),
    ];
  });

export function naming(filter, value, { mayManage, again }) {
  if (!nameable().includes(filter)) return null;
  const name = valueLabel(filter, value);
  const isNamed = name !== value;
  const change = () => edit({ filter, value, name: isNamed ? name : "" }, again);
  return h("p.row.wrap", isNamed && h("span", "Known as ", h("b.break", name)), mayManage && button(isNamed ? "Change the name" : "Give a name", change));
}

/** All pages show it at once. */
const give = (entry, again) => change(() => api.giveName(entry).then(learn), again, entry.name ? "Saved" : "Removed");

async function edit(entry, again) {
  const filter = select(nameable().map((name) => [name, label(name)]));
  const value = input({ required: true, maxlength: "1000" });
  const name = input({ maxlength: "200", required: !entry.filter, autofocus: true, value: entry.name });
  const fields = [!entry.filter && [field("Filter", filter), field("Value, as activities have it", value)], field("Name", name)];
  const read = () => ({ filter: entry.filter ?? filter.value, value: entry.value ?? value.value, name: name.value.trim() || null });
  const wanted = await formDialog(entry.filter ? ["Name of ", entry.value] : "New name", fields, read);
  if (wanted) await give(wanted, again);
}
