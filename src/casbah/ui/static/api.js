import { parse, stringify } from "./json.js";

/** The routes of paths without a leading slash. */
const EXTENSION = "/api/ext/v1/";
const UNREACHABLE = 0;
const BAD_GATEWAY = 502;

/** `status` is 0 without an answer. */
export class RequestFailed extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

let signedOut = () => {};

export function onSignedOut(run) {
  signedOut = run;
}

async function textOf(path, { signingIn = false, ...options } = {}) {
  const { status, text } = await answered(path, options);
  if (status === 401 && !signingIn) signedOut();
  if (status >= 400) throw new RequestFailed(status, read(text)?.detail ?? `the server answered ${status}`);
  return text;
}

async function ask(method, path, body, { headers, ...options } = {}) {
  const sent = body !== undefined && { headers: { ...headers, "Content-Type": "application/json" }, body: stringify(body) };
  const content = read(await textOf(path, { method, headers, ...options, ...sent }));
  if (content !== undefined) return content;
  throw new RequestFailed(BAD_GATEWAY, "the answer is not JSON; something between this page and the server replaced it");
}

async function answered(path, options) {
  try {
    const answer = await fetch(path.startsWith("/") ? path : EXTENSION + path, options);
    return { status: answer.status, text: await answer.text() };
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new RequestFailed(UNREACHABLE, "Cannot reach the server");
  }
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
const getAt = (path) => (id, options) => get(path(id))(options);
const postAt = (path) => (id, body) => post(path(id))(body);
const remove = (path) => (id) => ask("DELETE", at(path)(id));

export const metadata = get("/api/v1/activities/metadata/");
export const recordFile = at("/api/v1/activities", "/");
export const fetchOne = getAt(recordFile);
export const giveFeedback = postAt(at("/api/v1/activities", "/feedback"));
export const feedbackOn = getAt(at("activities", "/feedback"));

export const list = post("search");
export const explain = post("search/explain");
export const period = post("search/period");
export const complete = post("search/complete");
export const groups = post("search/groups");
export const sentences = post("sentences");
export const facets = post("facets");
export const histogram = post("histogram");
export const choices = get("choices");

export const CHECKPOINT = `${EXTENSION}log/checkpoint`;
export const LOG_KEYS = `${EXTENSION}log/keys`;
export const checkpoint = () => textOf(CHECKPOINT);
export const logKeys = () => textOf(LOG_KEYS);
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
/** A token's name, tenant and scopes, without signing in. */
export const bearerOf = (token) => session({ signingIn: true, headers: { Authorization: `Token ${token}` } });

export const tokens = get("tokens");
export const createToken = post("tokens");
export const revokeToken = remove("tokens");

export const ranges = post("/api/v1/subnet/");
export const createRange = post("/api/v1/subnet/create_rule/");
export const updateRange = postAt(at("/api/v1/subnet", "/update_rule/"));
export const deleteRange = (id) => ask("DELETE", at("/api/v1/subnet", "/")(id));
/** Re-enrich stored activities, page by page. */
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

/** Requests of which only the last counts: starting one aborts the one before. */
export class Latest {
  #controller = new AbortController();

  begin() {
    this.#controller.abort();
    this.#controller = new AbortController();
    return this.#controller.signal;
  }
}

export const isAborted = (error) => error.name === "AbortError";
