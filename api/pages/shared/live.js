// @ts-check
/** Keeps a view up to date: a study by server-sent events, and by polling where they fail. */

import { ConnectionLost, Problem, events, get } from "./http.js";
import { MOVING } from "./state.js";

/** @import { Moved, Study } from "./types.js" */

const RETRY_MS = [1000, 2000, 5000, 10000];

/**
 * Waits, or until the signal aborts.
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const aborted = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener("abort", aborted, { once: true });
  });
}

/**
 * Longer and longer, from one failure to the next.
 * @param {number} failures
 * @param {AbortSignal} signal
 */
function rest(failures, signal) {
  return sleep(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 0, signal);
}

/**
 * Resolves when somebody can see the page: a hidden one holds no connection, of which a browser has six.
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function visible(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", () => resolve(), {
      once: true,
      signal,
    });
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/**
 * Calls `ask` again and again, `every()` ms apart, while the page is seen. Its errors end it, but for those
 * that pass by themselves.
 * @param {() => Promise<void>} ask
 * @param {() => number} every
 * @param {AbortSignal} signal
 */
export async function poll(ask, every, signal) {
  for (let failures = 0; !signal.aborted;) {
    await visible(signal);
    try {
      await ask();
      failures = 0;
      await sleep(every(), signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!passing(error)) throw error;
      await rest(failures++, signal);
    }
  }
}

/**
 * Whether an error goes away by itself: the service is away, busy, or is being replaced.
 * @param {unknown} error
 */
function passing(error) {
  return (
    error instanceof ConnectionLost ||
    (error instanceof Problem && (error.status >= 500 || error.status === 429))
  );
}

/**
 * Calls `changed(event)` with each event's data while a study moves, and `changed(null)` where something
 * may have been missed: at the start of a stream, after it broke, at the end.
 * @param {string} id
 * @param {(event: Moved | null) => Promise<void> | void} changed
 * @param {AbortSignal} signal
 */
export async function follow(id, changed, signal) {
  for (let failures = 0; !signal.aborted;) {
    await visible(signal);
    const hidden = new AbortController(); // ends this stream when the page is hidden, or the view is left
    const hide = () => document.hidden && hidden.abort();
    document.addEventListener("visibilitychange", hide);
    const both = AbortSignal.any([signal, hidden.signal]);
    try {
      for await (const { name, data } of events(`studies/${id}/events`, both)) {
        failures = 0;
        if (name === "done") return void (await changed(null));
        if (name === "deleted") throw new Problem(404, { detail: "The study was deleted" });
        await changed(data);
      }
      await rest(0, signal); // a service that stops closes its streams in order
    } catch (error) {
      if (signal.aborted) return;
      if (!both.aborted && !passing(error)) throw error;
      if (!both.aborted) await rest(failures++, signal);
    } finally {
      document.removeEventListener("visibilitychange", hide);
    }
    if (!signal.aborted && !(await moves(id, changed, signal))) return;
  }
}

/**
 * Looks at the study between two streams. Whether it may still move; while nothing can be seen, it may.
 * @param {string} id
 * @param {(event: null) => Promise<void> | void} changed
 * @param {AbortSignal} signal
 */
async function moves(id, changed, signal) {
  try {
    /** @type {Study} */
    const study = await get(`studies/${id}`, signal);
    await changed(null);
    return MOVING.has(study.state);
  } catch (error) {
    if (signal.aborted || passing(error)) return true;
    throw error;
  }
}
