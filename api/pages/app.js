// @ts-check
/** The page: which view is shown, what is said when something fails, whether the service is there. */

import { announce, byId, h, put } from "./shared/dom.js";
import { sentence } from "./shared/format.js";
import { ConnectionLost, Problem, get, onConnection } from "./shared/http.js";
import { watchKey } from "./shared/key.js";
import { learn } from "./shared/labels.js";
import { studyAddress } from "./shared/links.js";
import { poll, sleep } from "./shared/live.js";
import { compare } from "./compare/compare.js";
import { form } from "./form/form.js";
import { list } from "./list/list.js";
import { study } from "./study/study.js";
import { trial } from "./trial/trial.js";

const TITLE = "Straight-through tuner";
const RETRY_MS = 1000; // between two looks whether the service is back
const main = byId("main");

/** @type {AbortController | null} */
let leaving = null; // of the view that is shown
let labelled = false; // whether the service has said what things are called

/**
 * The views by their address: `pattern`'s groups are what `show` gets.
 * @type {{pattern: RegExp, nav: string, title: string,
 *   show: (groups: string[], signal: AbortSignal) => Promise<void>}[]}
 */
const VIEWS = [
  {
    pattern: /^#\/new(?:\?(.*))?$/,
    nav: "new",
    title: "New study",
    show: ([query], signal) => form(main, new URLSearchParams(query), signal),
  },
  {
    pattern: /^#\/studies\/([\w-]+)$/,
    nav: "list",
    title: "Study",
    show: ([id = ""], signal) => study(main, id, signal),
  },
  {
    pattern: /^#\/studies\/([\w-]+)\/trials\/(\d{1,9})$/,
    nav: "list",
    title: "Trial",
    show: ([id = "", number = ""], signal) => trial(main, id, Number(number), signal),
  },
  {
    pattern: /^#\/compare\?ids=([\w,-]*)$/,
    nav: "list",
    title: "Comparison",
    show: ([ids = ""], signal) => compare(main, ids.split(",").filter(Boolean), signal),
  },
  {
    pattern: /^(?:#?\/?)$/,
    nav: "list",
    title: "Studies",
    show: (_, signal) => list(main, signal),
  },
];

async function route() {
  leaving?.abort();
  const mine = (leaving = new AbortController());
  const view = VIEWS.find(({ pattern }) => pattern.test(location.hash));
  for (const link of document.querySelectorAll("[data-nav]")) {
    if (link instanceof HTMLElement && link.dataset.nav === view?.nav)
      link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${view?.title ?? "Not found"} · ${TITLE}`;
  if (!view) return failed(new Problem(404, { detail: "There is no such page" }));
  try {
    if (!labelled) learn(await get("tasks", mine.signal));
    labelled = true;
    if (mine.signal.aborted) return;
    const shown = view.show(view.pattern.exec(location.hash)?.slice(1) ?? [], mine.signal);
    main.querySelector("h1")?.focus({ preventScroll: true });
    scrollTo(0, 0);
    await shown;
  } catch (error) {
    if (mine.signal.aborted) return;
    failed(error);
    if (error instanceof ConnectionLost) showWhenBack(mine.signal);
  }
}

/**
 * Shows the view anew as soon as the service answers, unless the reader has left it.
 * @param {AbortSignal} signal
 */
async function showWhenBack(signal) {
  await sleep(RETRY_MS, signal);
  const ask = async () => {
    await get("tasks", signal);
    route(); // which aborts the signal
  };
  poll(ask, () => RETRY_MS, signal).catch(failed);
}

/**
 * A view that cannot be shown says why, and what can be done.
 * @param {unknown} error
 */
function failed(error) {
  const status = error instanceof Problem ? error.status : 0;
  if (!(error instanceof Problem || error instanceof ConnectionLost)) console.error(error);
  const title = status === 404 ? "Not there" : status === 401 ? "A key is needed" : "This did not work";
  const heading = h("h1", { tabindex: "-1" }, title);
  const again = h("button", { type: "button", click: route }, "Try again");
  const back = wayBack();
  (status === 404 ? back : again).classList.add("primary"); // what is not there will not come
  put(
    main,
    h(
      "div",
      { class: "page failure" },
      heading,
      h("p", { role: "alert" }, sentence(error instanceof Error ? error.message : String(error))),
      h("div", { class: "actions" }, status === 404 ? [back, again] : [again, back]),
    ),
  );
  heading.focus();
}

/** Where a reader can go from a view that cannot be shown: from a trial to its study. */
function wayBack() {
  const [, id] = /^#\/studies\/([\w-]+)\/trials\//.exec(location.hash) ?? [];
  if (id) return h("a", { class: "button", href: studyAddress(id) }, "To its study");
  return h("a", { class: "button", href: "#/" }, "To the studies");
}

const banner = byId("connection");
onConnection(
  () => {
    banner.hidden = false;
    put(banner, "The service cannot be reached. Trying again; what you see may be old.");
  },
  () => {
    banner.hidden = true;
    announce("The service is back.");
  },
);

byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the view
  main.focus();
});
watchKey();
addEventListener("hashchange", route);
route();
