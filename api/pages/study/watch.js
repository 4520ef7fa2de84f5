// @ts-check
/** What is known of one study, kept up to date while it moves. */

import { get } from "../shared/http.js";
import { follow, sleep } from "../shared/live.js";
import { MOVING } from "../shared/state.js";

/** @import { BriefTrials, Known, Moved, Study } from "../shared/types.js" */

const REST_MS = 2000; // between two looks at a study's numbers while it runs
const MOST_TRIALS = 5000; // shown; the JSON has them all

export class Watch {
  /**
   * @param {Study} first
   * @param {AbortSignal} signal
   * @param {{study: (study: Study) => void, known: (known: Known) => void}} tell called with what is new
   */
  constructor(first, signal, tell) {
    this.study = first;
    this.signal = signal;
    this.tell = tell;
    /** @type {Promise<void> | null} */
    this.looking = null;
    this.again = false;
  }

  /** Looks at everything; calls while it looks ask for one more look, not for many. */
  refresh() {
    if (this.looking) this.again = true;
    this.looking ??= this.look().finally(() => (this.looking = null));
    return this.looking;
  }

  async look() {
    const base = `studies/${this.study.id}`;
    do {
      this.again = false;
      const [study, trials, results, curves, search] = await Promise.all([
        get(base, this.signal),
        allTrials(base, this.signal),
        get(`${base}/results`, this.signal),
        get(`${base}/curves`, this.signal),
        get(`${base}/search`, this.signal),
      ]);
      this.study = study;
      this.tell.study(study);
      this.tell.known({ study, trials, results, curves, search });
      if (this.again) await sleep(REST_MS, this.signal);
    } while (this.again && !this.signal.aborted);
  }

  /** Follows the events while the study moves; call it again for a study that was resumed. */
  async follow() {
    if (!MOVING.has(this.study.state)) return;
    /** @param {Moved | null} event */
    const changed = (event) => {
      if (!event || !MOVING.has(event.state)) return this.refresh();
      this.moved(event);
      this.refresh().catch(() => {}); // what is wrong shows at the next look, or ends the stream
      return undefined;
    };
    await follow(this.study.id, changed, this.signal);
  }

  /**
   * The study as an answer to a change has it.
   * @param {Study} now
   */
  changedTo(now) {
    this.study = now;
    this.tell.study(now);
  }

  /**
   * What an event says is shown at once; the numbers follow.
   * @param {Moved} event
   */
  moved({ state, reason, progress, cancelling, revision }) {
    this.study = {
      ...this.study,
      state,
      reason,
      progress,
      cancelling,
      revision,
    };
    this.tell.study(this.study);
  }
}

/** @type {WeakMap<BriefTrials, BriefTrials>} */
const joined = new WeakMap(); // the pages of one version of a study, as one

/**
 * All trials, page by page; the same object while no page has changed.
 * @param {string} base
 * @param {AbortSignal} signal
 * @returns {Promise<BriefTrials>}
 */
export async function allTrials(base, signal) {
  /** @type {BriefTrials[]} */
  const pages = [];
  let next = null;
  do {
    const query = new URLSearchParams({
      brief: "true",
      limit: "1000",
      ...(next ? { cursor: next } : {}),
    });
    /** @type {BriefTrials} */
    const page = await get(`${base}/trials?${query}`, signal);
    pages.push(page);
    next = page.next;
  } while (next && pages.reduce((n, page) => n + page.items.length, 0) < MOST_TRIALS);
  const [first] = pages;
  if (!first || pages.length === 1) return first ?? { items: [], next: null };
  const before = joined.get(first);
  const items = pages.flatMap((page) => page.items);
  if (before && before.items.length === items.length && items.every((t, i) => t === before.items[i]))
    return before;
  const all = { ...first, items, next };
  joined.set(first, all);
  return all;
}
