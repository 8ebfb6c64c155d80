// A map of the places of addresses, from the coordinates in their newest activities.

import * as api from "./api.js";
import { h } from "./dom.js";
import { valueLabel } from "./language.js";
import { address } from "./place.js";
import { counted, listed, plural } from "./words.js";

const MAX_ADDRESSES = 24;
const SOUTHERNMOST = -60;
const [WIDTH, HEIGHT] = [360, 150];

/** The map and the list of places behind the activities of some filters; null if no address has coordinates. */
export async function placesOf(mine, options) {
  const { facets } = await api.facets({ filters: mine, facets: ["ip.address"], limit: MAX_ADDRESSES + 1 }, options);
  const addresses = facets[0].values;
  const newest = await Promise.all(addresses.slice(0, MAX_ADDRESSES).map(({ value }) => api.list({ filters: { ...mine, "ip.address": { eq: [value] } }, limit: 1 }, options)));
  const places = new Map();
  newest.forEach(({ data }, position) => {
    const at = data[0]?.location;
    const [latitude, longitude] = [Number(at?.latitude ?? NaN), Number(at?.longitude ?? NaN)];
    if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) return;
    const key = `${latitude.toFixed(1)} ${longitude.toFixed(1)}`;
    if (!places.has(key)) places.set(key, { latitude, longitude, at, addresses: [] });
    places.get(key).addresses.push(addresses[position].value);
  });
  const known = await Promise.all([...places.values()].map((place) => counting(place, mine, options)));
  if (!known.length) return null;
  const note = addresses.length > MAX_ADDRESSES ? `The ${MAX_ADDRESSES} most frequent addresses. ` : "";
  return h("div", { class: "places" }, drawn(known), h("div", {}, h("ul", { class: "objects" }, known.map(entry)), h("p", { class: "quiet" }, `${note}Each address is at the place of its newest activity here.`)));
}

/** A place with its name, its query and the exact number of activities of that. */
async function counting(place, mine, options) {
  const filters = { ...mine, "ip.address": { eq: place.addresses } };
  const { total } = await api.list({ filters, limit: 1 }, options);
  const names = [place.at.city, place.at.countryCode && valueLabel("location.country", place.at.countryCode)].filter(Boolean);
  return { ...place, total, href: address({ filters }), name: names.length ? listed(names.map(String)) : `${place.latitude}, ${place.longitude}` };
}

const entry = ({ name, addresses, total, href }) =>
  h("li", {}, h("span", { class: "grow break" }, name, " ", h("span", { class: "quiet" }, plural(addresses.length, "address", "addresses"))), h("a", { href }, counted(total)));

function drawn(places) {
  const dots = places.map(({ latitude, longitude, name, total, href }) => {
    const label = [name, ": ", plural(total, "activity", "activities")];
    const dot = h("a", { class: "dot", href, title: label, "aria-label": label });
    dot.style.left = `${((longitude + 180) / WIDTH) * 100}%`;
    dot.style.top = `${((90 - Math.max(latitude, SOUTHERNMOST)) / HEIGHT) * 100}%`;
    return dot;
  });
  return h("div", { class: "map" }, h("img", { src: "/ui/world.svg", alt: "", width: WIDTH, height: HEIGHT }), dots);
}
