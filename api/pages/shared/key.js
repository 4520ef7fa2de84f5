// @ts-check
/** The API key, where the service wants one: asked for in a dialog, kept in this tab until it is closed. */

import { byId, byIdOf } from "./dom.js";

const STORED_AS = "tuner-api-key";

/** The key of this tab, or null. */
export function currentKey() {
  return sessionStorage.getItem(STORED_AS);
}

/** @type {Promise<boolean> | null} */
let asking = null;

/**
 * Shows the dialog once, however many requests want a key. Resolves to whether there is another key than
 * the one that was refused.
 * @param {string | null} refused
 * @returns {Promise<boolean>}
 */
export function askForKey(refused) {
  if (currentKey() !== refused) return Promise.resolve(true); // it has changed since then
  asking ??= new Promise((resolve) => {
    const dialog = byIdOf("key-dialog", HTMLDialogElement);
    const input = byIdOf("key-input", HTMLInputElement);
    byId("key-why").textContent = refused
      ? "The service does not know the key that was given, or no longer."
      : "";
    input.value = "";
    dialog.returnValue = ""; // Escape closes a dialog without a value
    const closed = () => {
      asking = null;
      const key = input.value.trim();
      const given = dialog.returnValue === "use" && key !== "";
      if (given) sessionStorage.setItem(STORED_AS, key);
      showForget();
      resolve(given);
    };
    dialog.addEventListener("close", closed, { once: true });
    dialog.showModal();
  });
  return asking;
}

function showForget() {
  byId("forget-key").hidden = currentKey() === null;
}

/** Makes the button that forgets the key work. */
export function watchKey() {
  showForget();
  byId("forget-key").addEventListener("click", () => {
    sessionStorage.removeItem(STORED_AS);
    location.reload();
  });
}
