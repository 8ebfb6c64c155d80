import * as api from "./api.js";
import { h, quiet } from "./dom.js";
import { countLink } from "./link.js";
import { address, only } from "./place.js";
import { activities, listed, placeName, plural } from "./words.js";

const MAX_ADDRESSES = 24;
const SOUTHERNMOST = -60;
const [WIDTH, HEIGHT] = [360, 150];

/** Each address is at the coordinates in its newest activity; null without any. */
export async function placesOf(mine) {
  const values = await api.valuesOf("ip.address", { filters: mine, limit: MAX_ADDRESSES + 1 });
  const located = await Promise.all(values.slice(0, MAX_ADDRESSES).map(({ value }) => locate(value, mine)));
  const places = Object.groupBy(located.filter(Boolean), ({ latitude, longitude }) => `${latitude.toFixed(1)} ${longitude.toFixed(1)}`);
  const known = await Promise.all(Object.values(places).map((place) => counting(place, mine)));
  if (!known.length) return null;
  const note = values.length > MAX_ADDRESSES ? `The ${MAX_ADDRESSES} most frequent addresses. ` : "";
  return h(".places", drawn(known), h("div", h("ul.objects", known.map(entry)), quiet(`${note}Each address is at the place of its newest activity here.`)));
}

async function locate(ip, mine) {
  const { data: [newest] } = await api.first(only("ip.address", ip, mine));
  const at = newest?.location;
  const [latitude, longitude] = [at?.latitude, at?.longitude].map((degrees) => Number(degrees ?? NaN));
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? { latitude, longitude, at, ip } : null;
}

async function counting(place, mine) {
  const [{ latitude, longitude, at }] = place;
  const filters = { ...mine, "ip.address": { eq: place.map(({ ip }) => ip) } };
  const { total } = await api.first(filters);
  const names = placeName(at);
  return { latitude, longitude, filters, total, addresses: place.length, name: listed(names.length ? names : [latitude, longitude]) };
}

const entry = ({ name, addresses, total, filters }) =>
  h("li", h("span.grow.break", name, " ", h("span.quiet", plural(addresses, "address", "addresses"))), countLink(filters, total));

function drawn(places) {
  const dots = places.map(({ latitude, longitude, name, total, filters }) => {
    const label = [name, ": ", activities(total)];
    const style = { left: `${((longitude + 180) / WIDTH) * 100}%`, top: `${((90 - Math.max(latitude, SOUTHERNMOST)) / HEIGHT) * 100}%` };
    return h("a.dot", { href: address({ filters }), title: label, "aria-label": label, style });
  });
  return h(".map", h("img", { src: "/ui/world.svg", alt: "", width: WIDTH, height: HEIGHT }), dots);
}
