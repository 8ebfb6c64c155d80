import { parse, stringify } from "./json.js";

/** The routes of paths without a leading slash. */
const EXTENSION = "/api/ext/v1/";

/** `status` is 0 without an answer. */
export class RequestFailed extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

let signedOut = () => {};
export const onSignedOut = (run) => (signedOut = run);

async function textOf(path, { signingIn, ...options } = {}) {
  let answer, text;
  try {
    answer = await fetch(path.startsWith("/") ? path : EXTENSION + path, options);
    text = await answer.text();
  } catch (error) {
    throw isAborted(error) ? error : new RequestFailed(0, "Cannot reach the server");
  }
  const { status } = answer;
  if (status === 401 && !signingIn) signedOut();
  if (status >= 400) throw new RequestFailed(status, read(text)?.detail ?? `the server answered ${status}`);
  return text;
}

async function ask(method, path, body, options) {
  const sent = body !== undefined && { headers: { "Content-Type": "application/json" }, body: stringify(body) };
  const content = read(await textOf(path, { method, ...sent, ...options }));
  if (content !== undefined) return content;
  throw new RequestFailed(502, "the answer is not JSON; something between this page and the server replaced it");
}

/** Undefined if the text is not JSON, such as the error page of a proxy. */
function read(text) {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const get = (path) => (options) => ask("GET", path, undefined, options);
const post = (path) => (body, options) => ask("POST", path, body, options);

const at = (path, rest = "") => (id) => `${path}/${encodeURIComponent(id)}${rest}`;
const getAt = (path) => (id, options) => ask("GET", path(id), undefined, options);
const postAt = (path) => (id, body) => ask("POST", path(id), body);
const remove = (path, rest) => (id) => ask("DELETE", at(path, rest)(id));

export const metadata = get("/api/v1/activities/metadata/");
export const recordFile = at("/api/v1/activities", "/");
export const fetchOne = getAt(recordFile);
export const giveFeedback = postAt(at("/api/v1/activities", "/feedback"));
export const feedbackOn = getAt(at("activities", "/feedback"));

export const list = post("search");
export const first = (filters, options, sortDirection) => list({ filters, sortDirection, limit: 1 }, options);
export const explain = post("search/explain");
export const period = post("search/period");
export const complete = post("search/complete");
export const groups = post("search/groups");
export const sentences = post("sentences");
export const facets = post("facets");
export const valuesOf = async (name, query, options) => (await facets({ ...query, facets: [name] }, options)).facets[0].values;
export const histogram = post("histogram");
export const choices = get("choices");

export const checkpoint = () => textOf("log/checkpoint");
export const logKeys = () => textOf("log/keys");
export const proofOf = (id) => textOf(at("log/proofs")(id));

export const names = get("names");
export const giveName = post("names");

export const queries = get("queries");
export const saveQuery = post("queries");
export const deleteQuery = remove("queries");

export const exports = get("exports");
export const beginExport = post("exports");
export const exportOf = getAt(at("exports"));
export const exportFile = at(`${EXTENSION}exports`, "/file");
export const deleteExport = remove("exports");

export const session = get("session");
export const ways = get("session/ways");
export const atIssuer = (then) => `${EXTENSION}session/begin?then=${encodeURIComponent(then)}`;
export const signIn = (token) => ask("POST", "session", { token }, { signingIn: true });
export const signOut = () => ask("DELETE", "session");
export const bearerOf = (token) => session({ signingIn: true, headers: { Authorization: `Token ${token}` } });

export const tokens = get("tokens");
export const createToken = post("tokens");
export const revokeToken = remove("tokens");

export const ranges = post("/api/v1/subnet/");
export const createRange = post("/api/v1/subnet/create_rule/");
export const updateRange = postAt(at("/api/v1/subnet", "/update_rule/"));
export const deleteRange = remove("/api/v1/subnet", "/");
export async function enrichAgain(filters) {
  const { hasNext, nextQueryFilters } = await ask("POST", "activities/enrich", { filters });
  if (hasNext) await enrichAgain(nextQueryFilters);
}

export const rules = get("retention");
export const trail = get("retention/trail");
export const addRule = post("retention");
export const removeRule = remove("retention");
export const deleteActivities = post("activities/delete");

export const rejects = (limit) => get(`rejects?limit=${limit}`)();
export const replayRejects = post("rejects/replay");
export const removeReject = remove("rejects");
export const pushes = get("pushes");
export const sources = get("sources");

/** Of some requests only the last counts: `begin()` aborts the one before. */
export function latest() {
  let controller = new AbortController();
  return () => {
    controller.abort();
    controller = new AbortController();
    return controller.signal;
  };
}

export const isAborted = (error) => error.name === "AbortError";
