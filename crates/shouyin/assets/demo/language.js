// Which language the page speaks. The words themselves are in i18n.js.

import { STRINGS } from "./i18n.js";

const listeners = new Set();
let language = initial();

// ?lang= wins (a link can be shared), then the browser's first language.
function initial() {
  const asked = new URLSearchParams(location.search).get("lang");
  if (asked in STRINGS) return asked;
  return /^zh\b/i.test(navigator.language) ? "zh" : "en";
}

export const currentLanguage = () => language;

/** Calls `listener` after every change of language. */
export function onLanguage(listener) {
  listeners.add(listener);
}

export function setLanguage(next) {
  language = next;
  const url = new URL(location.href);
  url.searchParams.set("lang", next);
  history.replaceState(null, "", url);
  apply();
  for (const listener of listeners) listener(next);
}

/** The string for `key`, or `undefined` when there is none. */
export const text = (key) => STRINGS[language][key];

/** The string for `key` with `{name}` replaced from `values`. A missing key is a bug and says so. */
export function t(key, values = {}) {
  const string = text(key);
  if (string === undefined) throw new Error(`no ${language} string for ${key}`);
  return string.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/** Picks the current language from `{en, zh}` as the server sends it; a plain string stays as it is. */
export function pick(both) {
  if (both === null || both === undefined || typeof both === "string") return both ?? "";
  return both[language] ?? both.en ?? "";
}

/** Fills the static markup: data-t is the text, data-t-label the accessible name. */
export function apply() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = t("page.title");
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-label]")) element.setAttribute("aria-label", t(element.dataset.tLabel));
}
