// Requests to the API.

import { parse, stringify } from "./json.js";

const CORE = "/api/v1";
const EXTENSION = "/api/ext/v1";

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

/** One request; the answer's JSON. Raises RequestFailed. */
export async function ask(method, path, body, { signal, signingIn = false, headers = {} } = {}) {
  const sent = body === undefined ? { headers } : { headers: { ...headers, "Content-Type": "application/json" }, body: stringify(body) };
  const { status, text } = await answered(path, { method, signal, ...sent });
  const content = read(text);
  if (status < 400 && content !== undefined) return content;
  if (status === 401 && !signingIn) signedOut();
  if (status < 400) throw new RequestFailed(BAD_GATEWAY, "the answer is not JSON; something between this page and the server replaced it");
  throw new RequestFailed(status, content?.detail ?? `the server answered ${status}`);
}

/** The status and the text of an answer. */
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

/** The text of an answer. Raises RequestFailed. */
async function textOf(path) {
  const { status, text } = await answered(path, {});
  if (status === 401) signedOut();
  if (status >= 400) throw new RequestFailed(status, read(text)?.detail ?? `the server answered ${status}`);
  return text;
}

const post = (path) => (body, options) => ask("POST", path, body, options);
const get = (path) => (options) => ask("GET", path, undefined, options);

export const list = post(`${EXTENSION}/search`);
export const explain = post(`${EXTENSION}/search/explain`);
export const sentences = post(`${EXTENSION}/sentences`);
export const complete = post(`${EXTENSION}/search/complete`);
export const metadata = get(`${CORE}/activities/metadata/`);
export const recordFile = (id) => `${CORE}/activities/${encodeURIComponent(id)}/`;
export const fetchOne = (id, options) => ask("GET", recordFile(id), undefined, options);
export const proofOf = (id) => textOf(`${EXTENSION}/log/proofs/${encodeURIComponent(id)}`);
export const CHECKPOINT = `${EXTENSION}/log/checkpoint`;
export const LOG_KEYS = `${EXTENSION}/log/keys`;
export const checkpoint = () => textOf(CHECKPOINT);
export const logKeys = () => textOf(LOG_KEYS);
export const giveFeedback = (id, body) => ask("POST", `${CORE}/activities/${encodeURIComponent(id)}/feedback`, body);
export const feedbackOn = (id, options) =>
  ask("GET", `${EXTENSION}/activities/${encodeURIComponent(id)}/feedback`, undefined, options);
export const facets = post(`${EXTENSION}/facets`);
export const groups = post(`${EXTENSION}/search/groups`);
export const histogram = post(`${EXTENSION}/histogram`);
export const choices = get(`${EXTENSION}/choices`);
export const names = get(`${EXTENSION}/names`);
export const giveName = post(`${EXTENSION}/names`);
export const queries = get(`${EXTENSION}/queries`);
export const saveQuery = post(`${EXTENSION}/queries`);
export const deleteQuery = (id) => ask("DELETE", `${EXTENSION}/queries/${encodeURIComponent(id)}`);
export const exports = get(`${EXTENSION}/exports`);
export const beginExport = post(`${EXTENSION}/exports`);
export const exportOf = (id, options) => ask("GET", `${EXTENSION}/exports/${encodeURIComponent(id)}`, undefined, options);
export const exportFile = (id) => `${EXTENSION}/exports/${encodeURIComponent(id)}/file`;
export const deleteExport = (id) => ask("DELETE", `${EXTENSION}/exports/${encodeURIComponent(id)}`);
export const session = get(`${EXTENSION}/session`);
export const ways = get(`${EXTENSION}/session/ways`);
export const atIssuer = (then) => `${EXTENSION}/session/begin?then=${encodeURIComponent(then)}`;
/** A token's name, tenant and scopes, without signing in. */
export const bearerOf = (token) => ask("GET", `${EXTENSION}/session`, undefined, { signingIn: true, headers: { Authorization: `Token ${token}` } });
export const signIn = (token) => ask("POST", `${EXTENSION}/session`, { token }, { signingIn: true });
export const signOut = () => ask("DELETE", `${EXTENSION}/session`);
export const tokens = get(`${EXTENSION}/tokens`);
export const createToken = post(`${EXTENSION}/tokens`);
export const revokeToken = (id) => ask("DELETE", `${EXTENSION}/tokens/${encodeURIComponent(id)}`);
export const ranges = post(`${CORE}/subnet/`);
export const createRange = post(`${CORE}/subnet/create_rule/`);
export const updateRange = (id, body) => ask("POST", `${CORE}/subnet/${encodeURIComponent(id)}/update_rule/`, body);
export const deleteRange = (id) => ask("DELETE", `${CORE}/subnet/${encodeURIComponent(id)}/`);
/** Re-enrich all stored activities of some filters, page by page. */
export async function enrichAgain(filters) {
  const { hasNext, nextQueryFilters } = await ask("POST", `${EXTENSION}/activities/enrich`, { filters });
  if (hasNext) await enrichAgain(nextQueryFilters);
}
export const rules = get(`${EXTENSION}/retention`);
export const trail = get(`${EXTENSION}/retention/trail`);
export const addRule = post(`${EXTENSION}/retention`);
export const removeRule = (id) => ask("DELETE", `${EXTENSION}/retention/${encodeURIComponent(id)}`);
export const deleteActivities = post(`${EXTENSION}/activities/delete`);
export const rejects = (limit) => ask("GET", `${EXTENSION}/rejects?limit=${limit}`);
export const replayRejects = post(`${EXTENSION}/rejects/replay`);
export const removeReject = (id) => ask("DELETE", `${EXTENSION}/rejects/${encodeURIComponent(id)}`);
export const pushes = get(`${EXTENSION}/pushes`);
export const sources = get(`${EXTENSION}/sources`);

/** A series of requests of which only the last counts: starting one aborts the previous one. */
export class Latest {
  #controller = new AbortController();

  /** An abort signal for a new request. */
  begin() {
    this.#controller.abort();
    this.#controller = new AbortController();
    return this.#controller.signal;
  }
}

/** Whether an error only means that a request was aborted. */
export const isAborted = (error) => error.name === "AbortError";
