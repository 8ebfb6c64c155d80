// Names that people give to users, addresses, groups, app instances and others: the page of all, and the form for one.

import * as api from "./api.js";
import { dialog, formButtons, h } from "./dom.js";
import { label, learn, nameable, valueLabel } from "./language.js";
import { cells, change, page, table } from "./pages.js";
import { address, entityAddress } from "./place.js";

/** The page of all given names. */
export const namesPage = ({ mayManage }) =>
  page("Names", async (again) => {
    const { data } = await api.names();
    const rows = data.map(({ filter, value, name }) =>
      cells(
        label(filter),
        h("a", { href: entityAddress(filter, value) ?? address({ filters: { [filter]: { eq: [value] } } }) }, value),
        name,
        mayManage && [h("button", { class: "bare", "aria-label": ["Change ", name], onclick: () => edit({ filter, value, name }, again) }, "Change"), h("button", { class: "bare", "aria-label": ["Remove ", name], onclick: () => give({ filter, value, name: null }, again) }, "Remove")],
      ),
    );
    return [
      mayManage && h("p", {}, h("button", { class: "primary", onclick: () => edit({}, again) }, "New name")),
      rows.length ? table("Names", ["Of", "Value", "Name", ""], rows) : h("p", { class: "quiet" }, "No names yet. Give one to a group, an app instance, a user or an address to see it instead of the id."),
    ];
  });

/** On the page of a value that may have a name: what it is called, and a button to change that. */
export function naming(filter, value, { mayManage, again }) {
  if (!nameable().includes(filter)) return null;
  const name = valueLabel(filter, value);
  const isNamed = name !== value;
  const button = h("button", { onclick: () => edit({ filter, value, name: isNamed ? name : "" }, again) }, isNamed ? "Change the name" : "Give a name");
  return h("p", { class: "row wrap" }, isNamed && h("span", {}, "Known as ", h("b", { class: "break" }, name)), mayManage && button);
}

/** Store a name; all pages show it at once. */
const give = (entry, again) =>
  change(async () => {
    await api.giveName(entry);
    await learn();
  }, again, entry.name ? "Saved" : "Removed");

async function edit(entry, again) {
  const wanted = await dialog(entry.filter ? ["Name of ", entry.value] : "New name", (done) => {
    const filter = h("select", {}, nameable().map((name) => h("option", { value: name }, label(name))));
    const value = h("input", { type: "text", required: true, maxlength: "1000" });
    const name = h("input", { type: "text", maxlength: "200", required: !entry.filter, autofocus: true, value: entry.name ?? "" });
    const field = (title, input) => h("label", { class: "field" }, title, input);
    const submit = (event) => {
      event.preventDefault();
      done({ filter: entry.filter ?? filter.value, value: entry.value ?? value.value, name: name.value.trim() || null });
    };
    return h("form", { onsubmit: submit }, !entry.filter && [field("Of", filter), field("Value, as activities have it", value)], field("Name", name), formButtons(done, "Save"));
  });
  if (wanted) await give(wanted, again);
}
