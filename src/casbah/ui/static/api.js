// Requests to the API.

import { parse, stringify } from "./json.js";

const UNREACHABLE = 0;
const BAD_GATEWAY = 502;

/** A failed request: the status of the answer, 0 without one, and the server's message. */
export class RequestFailed extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

let signedOut = () => {};

/** Call `run` whenever the server reports that the caller is not signed in. */
export function onSignedOut(run) {
  signedOut = run;
}

/** The text of an answer. Raises RequestFailed. */
async function textOf(path, { signingIn = false, ...options } = {}) {
  const { status, text } = await answered(path, options);
  if (status === 401 && !signingIn) signedOut();
  if (status >= 400) throw new RequestFailed(status, read(text)?.detail ?? `the server answered ${status}`);
  return text;
}

/** One request; the answer's JSON. Raises RequestFailed. */
async function ask(method, path, body, { headers, ...options } = {}) {
  const sent = body !== undefined && { headers: { ...headers, "Content-Type": "application/json" }, body: stringify(body) };
  const content = read(await textOf(path, { method, headers, ...options, ...sent }));
  if (content !== undefined) return content;
  throw new RequestFailed(BAD_GATEWAY, "the answer is not JSON; something between this page and the server replaced it");
}

async function answered(path, options) {
  try {
    const answer = await fetch(path, options);
    return { status: answer.status, text: await answer.text() };
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new RequestFailed(UNREACHABLE, "Cannot reach the server");
  }
}

/** The value of a JSON text; undefined if it is not JSON, such as the error page of a proxy. */
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

/** The path of one thing by its id, and requests to it. */
const at = (path, rest = "") => (id) => `${path}/${encodeURIComponent(id)}${rest}`;
const getAt = (path) => (id, options) => get(path(id))(options);
const postAt = (path) => (id, body) => post(path(id))(body);
const remove = (path) => (id) => ask("DELETE", at(path)(id));

export const metadata = get("/api/v1/activities/metadata/");
export const recordFile = at("/api/v1/activities", "/");
export const fetchOne = getAt(recordFile);
export const giveFeedback = postAt(at("/api/v1/activities", "/feedback"));
export const feedbackOn = getAt(at("/api/ext/v1/activities", "/feedback"));

export const list = post("/api/ext/v1/search");
export const explain = post("/api/ext/v1/search/explain");
export const complete = post("/api/ext/v1/search/complete");
export const groups = post("/api/ext/v1/search/groups");
export const sentences = post("/api/ext/v1/sentences");
export const facets = post("/api/ext/v1/facets");
export const histogram = post("/api/ext/v1/histogram");
export const choices = get("/api/ext/v1/choices");

export const CHECKPOINT = "/api/ext/v1/log/checkpoint";
export const LOG_KEYS = "/api/ext/v1/log/keys";
export const checkpoint = () => textOf(CHECKPOINT);
export const logKeys = () => textOf(LOG_KEYS);
export const proofOf = (id) => textOf(at("/api/ext/v1/log/proofs")(id));

export const names = get("/api/ext/v1/names");
export const giveName = post("/api/ext/v1/names");

export const queries = get("/api/ext/v1/queries");
export const saveQuery = post("/api/ext/v1/queries");
export const deleteQuery = remove("/api/ext/v1/queries");

export const exports = get("/api/ext/v1/exports");
export const beginExport = post("/api/ext/v1/exports");
export const exportOf = getAt(at("/api/ext/v1/exports"));
export const exportFile = at("/api/ext/v1/exports", "/file");
export const deleteExport = remove("/api/ext/v1/exports");

const SESSION = "/api/ext/v1/session";
export const session = get(SESSION);
export const ways = get(`${SESSION}/ways`);
export const atIssuer = (then) => `${SESSION}/begin?then=${encodeURIComponent(then)}`;
export const signIn = (token) => ask("POST", SESSION, { token }, { signingIn: true });
export const signOut = () => ask("DELETE", SESSION);
/** A token's name, tenant and scopes, without signing in. */
export const bearerOf = (token) => session({ signingIn: true, headers: { Authorization: `Token ${token}` } });

export const tokens = get("/api/ext/v1/tokens");
export const createToken = post("/api/ext/v1/tokens");
export const revokeToken = remove("/api/ext/v1/tokens");

export const ranges = post("/api/v1/subnet/");
export const createRange = post("/api/v1/subnet/create_rule/");
export const updateRange = postAt(at("/api/v1/subnet", "/update_rule/"));
export const deleteRange = (id) => ask("DELETE", at("/api/v1/subnet", "/")(id));
/** Re-enrich all stored activities of some filters, page by page. */
export async function enrichAgain(filters) {
  const { hasNext, nextQueryFilters } = await ask("POST", "/api/ext/v1/activities/enrich", { filters });
  if (hasNext) await enrichAgain(nextQueryFilters);
}

export const rules = get("/api/ext/v1/retention");
export const trail = get("/api/ext/v1/retention/trail");
export const addRule = post("/api/ext/v1/retention");
export const removeRule = remove("/api/ext/v1/retention");
export const deleteActivities = post("/api/ext/v1/activities/delete");

export const rejects = (limit) => get(`/api/ext/v1/rejects?limit=${limit}`)();
export const replayRejects = post("/api/ext/v1/rejects/replay");
export const removeReject = remove("/api/ext/v1/rejects");
export const pushes = get("/api/ext/v1/pushes");
export const sources = get("/api/ext/v1/sources");

/** A series of requests of which only the last counts: starting one aborts the previous one. */
export class Latest {
  #controller = new AbortController();

  begin() {
    this.#controller.abort();
    this.#controller = new AbortController();
    return this.#controller.signal;
  }
}

export const isAborted = (error) => error.name === "AbortError";
