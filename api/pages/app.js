/** The page: which view is shown, what is said when something fails, whether the service is there. */

import { announce, h, put } from "./dom.js";
import { sentence } from "./format.js";
import { ConnectionLost, Problem, onConnection, watchKey } from "./http.js";
import { form } from "./form.js";
import { list } from "./list.js";
import { study } from "./study.js";

const main = document.getElementById("main");
let leaving = null; // of the view that is shown

const VIEWS = [
  { pattern: /^#\/new(?:\?(.*))?$/, nav: "new", title: "New study", show: (query, signal) => form(main, new URLSearchParams(query), signal) },
  { pattern: /^#\/studies\/([\w-]+)$/, nav: "list", title: "Study", show: (id, signal) => study(main, id, signal) },
  { pattern: /^(?:#?\/?)$/, nav: "list", title: "Studies", show: (_, signal) => list(main, signal) },
];

async function route() {
  leaving?.abort();
  const mine = (leaving = new AbortController());
  const view = VIEWS.find(({ pattern }) => pattern.test(location.hash));
  for (const link of document.querySelectorAll("[data-nav]")) {
    if (link.dataset.nav === view?.nav) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${view?.title ?? "Not found"} · Straight-through tuner`;
  if (!view) return failed(new Error("There is no such page"));
  try {
    const shown = view.show(view.pattern.exec(location.hash)[1], mine.signal);
    main.querySelector("h1")?.focus({ preventScroll: true });
    scrollTo(0, 0);
    await shown;
  } catch (error) {
    if (!mine.signal.aborted) failed(error);
  }
}

/** A view that cannot be shown says why, and what can be done. */
function failed(error) {
  if (!(error instanceof Problem || error instanceof ConnectionLost)) console.error(error);
  const title = error.status === 404 ? "Not there" : error.status === 401 ? "A key is needed" : "This did not work";
  put(main, h("div", { class: "page failure" },
    h("h1", { tabindex: "-1" }, title),
    h("p", { role: "alert" }, sentence(error.message)),
    h("div", { class: "actions" },
      h("button", { type: "button", class: "primary", click: route }, "Try again"), h("a", { class: "button", href: "#/" }, "To the studies"))));
  main.querySelector("h1").focus();
}

const banner = document.getElementById("connection");
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

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the view
  main.focus();
});
watchKey();
addEventListener("hashchange", route);
route();
