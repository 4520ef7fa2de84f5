/**
 * Talks to the API: JSON in and out, the key where the service wants one, problems as sentences, server-sent events.
 *
 * Events are read with fetch, not EventSource, which cannot send a header: a key never stands in an address.
 */

const KEY = "tuner-api-key";
const connection = new EventTarget(); // "lost" and "back"
let lost = false;

/** What the API answered where it could not do what was asked. */
export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail || body?.title || `The service answered with status ${status}`);
    this.status = status;
    this.errors = body?.errors ?? []; // [{field, message}]
  }
}

/** The service cannot be reached. */
export class ConnectionLost extends Error {
  constructor() {
    super("The service cannot be reached");
  }
}

export function onConnection(lostIt, isBack) {
  connection.addEventListener("lost", lostIt);
  connection.addEventListener("back", isBack);
}

function setLost(now) {
  if (now !== lost) connection.dispatchEvent(new Event(now ? "lost" : "back"));
  lost = now;
}

export const get = (path, signal) => json(path, { signal });
/** `body` is sent as JSON, or a text as it is: `headers` then name its type. */
export const post = (path, body, headers) =>
  json(path, { method: "POST", body: typeof body === "object" ? JSON.stringify(body) : body, headers });
export const remove = (path) => json(path, { method: "DELETE" });

async function json(path, options) {
  const response = await request(path, options);
  return response.status === 204 ? null : response.json();
}

/** A file of the API, given to the browser to save. Links cannot do this: they send no key. */
export async function download(path, name) {
  const blob = await (await request(path, {})).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Yields {name, data} for each event of a stream. Ends where the stream ends. */
export async function* events(path, signal) {
  const response = await request(path, { signal, headers: { Accept: "text/event-stream" } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  while (true) {
    const { value, done } = await reader.read().catch((error) => {
      throw signal.aborted ? error : new ConnectionLost();
    });
    if (done) return;
    const blocks = (buffer + value).split(/\r?\n\r?\n/);
    buffer = blocks.pop();
    for (const block of blocks) {
      const event = { name: "message", data: "" };
      for (const line of block.split(/\r?\n/)) {
        const [, field, text] = /^([^:]*):? ?(.*)$/.exec(line);
        if (field === "event") event.name = text;
        else if (field === "data") event.data += text;
      }
      if (event.data) yield { name: event.name, data: JSON.parse(event.data) };
    }
  }
}

async function request(path, { method = "GET", body, headers = {}, signal }) {
  while (true) {
    const key = sessionStorage.getItem(KEY);
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
    if (response.status === 401) await askForKey(key);
    else throw new Problem(response.status, await response.json().catch(() => null));
  }
}

// --- the key ---

let asking = null;

/** Shows the dialog once, however many requests want a key, unless it has been changed since `refused` was sent. */
function askForKey(refused) {
  if (sessionStorage.getItem(KEY) !== refused) return Promise.resolve();
  asking ??= new Promise((resolve, reject) => {
    const dialog = document.getElementById("key-dialog");
    const input = document.getElementById("key-input");
    document.getElementById("key-why").textContent = refused ? "The service does not know the key that was given, or no longer." : "";
    input.value = "";
    dialog.returnValue = ""; // Escape closes a dialog without a value
    dialog.addEventListener("close", () => {
      asking = null;
      const key = input.value.trim();
      if (dialog.returnValue !== "use" || !key) return reject(new Problem(401, { detail: "An API key is needed to see this" }));
      sessionStorage.setItem(KEY, key);
      keyChanged();
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

function keyChanged() {
  document.getElementById("forget-key").hidden = sessionStorage.getItem(KEY) === null;
}

export function watchKey() {
  keyChanged();
  document.getElementById("forget-key").addEventListener("click", () => {
    sessionStorage.removeItem(KEY);
    location.reload();
  });
}
