// @ts-check
/**
 * Talks to the API: JSON in and out, problems as sentences, files, server-sent events.
 *
 * Events are read with fetch, not EventSource, which cannot send a header: a key never stands in an address.
 */

import { askForKey, currentKey } from "./key.js";

/** @import { FieldError } from "./types.js" */

const connection = new EventTarget(); // "lost" and "back"
let lost = false;

/** What the API answered where it could not do what was asked. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {{title?: string, detail?: string, errors?: FieldError[]} | null} body
   */
  constructor(status, body) {
    super(body?.detail || body?.title || `The service answered with status ${status}`);
    this.status = status;
    this.errors = body?.errors ?? [];
  }
}

/** The service cannot be reached. */
export class ConnectionLost extends Error {
  constructor() {
    super("The service cannot be reached");
  }
}

/**
 * Calls the one function when the service is lost, the other when it is back.
 * @param {() => void} lostIt
 * @param {() => void} isBack
 */
export function onConnection(lostIt, isBack) {
  connection.addEventListener("lost", lostIt);
  connection.addEventListener("back", isBack);
}

/** @param {boolean} now */
function setLost(now) {
  if (now !== lost) connection.dispatchEvent(new Event(now ? "lost" : "back"));
  lost = now;
}

// --- answers ---

/** @type {Map<string, {tag: string, content: any}>} */
const kept = new Map(); // by path, the one asked for last comes last
const MOST_KEPT = 40;

/**
 * What the API has at a path: the same object as before for as long as its ETag is the same.
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function get(path, signal) {
  const response = await request(path, { signal });
  const tag = response.headers.get("ETag");
  const before = kept.get(path);
  kept.delete(path);
  if (!tag) return response.json();
  const same = before?.tag === tag;
  if (same) await response.body?.cancel();
  const content = same ? before.content : await response.json();
  kept.set(path, { tag, content });
  const [oldest] = kept.keys();
  if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
  return content;
}

/**
 * Sends an object as JSON, or a text as it is: `headers` then name its type.
 * @param {string} path
 * @param {object | string} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<any>}
 */
export async function post(path, body, headers) {
  const text = typeof body === "object" ? JSON.stringify(body) : body;
  return (await request(path, { method: "POST", body: text, headers })).json();
}

/**
 * Changes what is at a path.
 * @param {string} path
 * @param {object} body
 * @returns {Promise<any>}
 */
export async function patch(path, body) {
  return (await request(path, { method: "PATCH", body: JSON.stringify(body) })).json();
}

/** @param {string} path */
export async function remove(path) {
  await request(path, { method: "DELETE" });
}

/**
 * A file of the API, given to the browser to save. Links cannot do this: they send no key.
 * @param {string} path
 * @param {string} name
 */
export async function download(path, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await blob(path));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * A file of the API.
 * @param {string} path
 * @param {AbortSignal} [signal]
 */
export async function blob(path, signal) {
  return (await request(path, { signal, headers: { Accept: "*/*" } })).blob();
}

// --- events ---

/**
 * Yields {name, data} for each event of a stream. Ends where the stream ends.
 * @param {string} path
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<{name: string, data: any}>}
 */
export async function* events(path, signal) {
  const response = await request(path, {
    signal,
    headers: { Accept: "text/event-stream" },
  });
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  while (true) {
    const { value, done } = await reader.read().catch((error) => {
      throw signal.aborted ? error : new ConnectionLost();
    });
    if (done) return;
    const blocks = (buffer + value).split(/\r?\n\r?\n/);
    buffer = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = eventOf(block);
      if (event.data) yield { name: event.name, data: JSON.parse(event.data) };
    }
  }
}

/**
 * The name and the text of one event of a stream.
 * @param {string} block
 */
function eventOf(block) {
  const event = { name: "message", data: "" };
  for (const line of block.split(/\r?\n/)) {
    const [, field, text] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (field === "event") event.name = text ?? "";
    else if (field === "data") event.data += text;
  }
  return event;
}

// --- requests ---

/**
 * @typedef {{method?: string, body?: string, headers?: Record<string, string>, signal?: AbortSignal}} Asked
 */

/**
 * Sends a request, with the key; asks for a key and sends it again where the service wants one.
 * @param {string} path
 * @param {Asked} asked
 * @returns {Promise<Response>}
 */
async function request(path, { method = "GET", body, headers = {}, signal }) {
  while (true) {
    const key = currentKey();
    /** @type {Record<string, string>} */
    const sent = { Accept: "application/json", ...headers };
    if (key) sent.Authorization = `Bearer ${key}`;
    if (body !== undefined) sent["Content-Type"] ??= "application/json";
    let response;
    try {
      response = await fetch(path, { method, body, headers: sent, signal });
    } catch (error) {
      if (signal?.aborted) throw error;
      setLost(true);
      throw new ConnectionLost();
    }
    // A proxy before a service that is away answers in its name.
    setLost(response.status === 502 || response.status === 504);
    if (response.ok) return response;
    if (response.status !== 401) throw new Problem(response.status, await response.json().catch(() => null));
    if (!(await askForKey(key))) throw new Problem(401, { detail: "An API key is needed to see this" });
  }
}
