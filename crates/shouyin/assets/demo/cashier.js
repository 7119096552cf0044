// WeChat's cashier sheet on the phone. It belongs to WeChat, not to the shop: the shop only learns how it ended.

import { h, icon, prefersReducedMotion, yuan } from "./dom.js";
import { t } from "./language.js";

const DIGITS = 6;
const TYPING_MS = 70;
const SHOWN_PAID_MS = 700;
const SHOWN_ERROR_MS = 2500;
const CANCELLED = "requestPayment:fail cancel";
const COMPLAINTS = { wrong_password: "cashier.wrong.said", not_enough_money: "cashier.poor.said" };

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Makes `showCashier(order, act)` for the shim: draws the sheet over `phone`, resolves with WeChat's errMsg.
 * A wrong password or too little money is not an end: the sheet stays open, as on a phone.
 */
export function createCashier(phone, { behind }) {
  return (order, act) =>
    new Promise((resolve) => {
      const sheet = createSheet(order, act, (errMsg) => {
        sheet.root.remove();
        behind.inert = false;
        resolve(errMsg);
      });
      behind.inert = true;
      phone.append(sheet.root);
      sheet.focus();
    });
}

function createSheet(order, act, end) {
  let digits = "";
  let busy = false;

  const dots = Array.from({ length: DIGITS }, () => h("i", {}));
  const boxes = h("div", { class: "dots", role: "img" }, dots);
  const message = h("p", { class: "cashier-message", role: "status" });
  const fill = h("button", { type: "button", class: "primary", "data-action": "pay", onclick: typeItForMe }, t("cashier.fill"));
  const close = h("button", { type: "button", class: "close", "aria-label": t("cashier.close"), "data-action": "cancel", onclick: () => run("cancel") }, icon("M6 6l12 12M18 6L6 18"));
  const wrong = h("button", { type: "button", class: "link", "data-action": "wrong_password", onclick: () => run("wrong_password") }, t("cashier.wrong"));
  const poor = h("button", { type: "button", class: "link", "data-action": "not_enough_money", onclick: () => run("not_enough_money") }, t("cashier.poor"));
  const pad = h("div", { class: "pad" }, [1, 2, 3, 4, 5, 6, 7, 8, 9].map(key), h("span"), key(0), eraser());
  const panel = h(
    "section",
    { class: "cashier", role: "dialog", "aria-modal": "true", "aria-label": t("cashier.label") },
    h("header", {}, close, h("span", {}, t("cashier.password"))),
    h("p", { class: "merchant" }, order.merchant_name ?? ""),
    h("p", { class: "sum" }, h("small", {}, "¥"), yuan(order.amount_fen)),
    h("p", { class: "method" }, h("span", {}, order.description ?? ""), h("span", {}, t("cashier.method"))),
    boxes,
    message,
    fill,
    h("p", { class: "others" }, t("cashier.or"), " ", wrong, " · ", poor),
    pad,
  );
  const root = h("div", { class: "cashier-cover", onkeydown: onKey }, panel);
  say(t("cashier.hint"));
  showDigits();

  function key(digit) {
    return h("button", { type: "button", "aria-label": t("cashier.digit", { digit }), onclick: () => type(String(digit)) }, String(digit));
  }

  function eraser() {
    return h("button", { type: "button", "aria-label": t("cashier.delete"), onclick: erase }, icon("M9 6h11v12H9l-5-6z", "M12 10l4 4M16 10l-4 4"));
  }

  function onKey(event) {
    if (/^\d$/.test(event.key)) type(event.key);
    else if (event.key === "Backspace") erase();
    else if (event.key === "Escape") run("cancel");
    else if (event.key === "Tab") keepFocusInside(event, panel);
  }

  function type(digit) {
    if (busy || digits.length === DIGITS) return;
    digits += digit;
    showDigits();
    if (digits.length === DIGITS) run("pay");
  }

  function erase() {
    if (busy) return;
    digits = digits.slice(0, -1);
    showDigits();
  }

  async function typeItForMe() {
    if (busy) return;
    setBusy(true);
    while (digits.length < DIGITS) {
      digits += "0";
      showDigits();
      if (!prefersReducedMotion()) await wait(TYPING_MS);
    }
    setBusy(false);
    await run("pay");
  }

  function showDigits() {
    dots.forEach((dot, index) => dot.classList.toggle("on", index < digits.length));
    boxes.setAttribute("aria-label", t("cashier.digits", { count: digits.length }));
  }

  async function run(action) {
    if (busy) return;
    setBusy(true);
    if (action === "pay") say(t("cashier.paying"));
    if (action === "wrong_password") showAllDigits();
    const { errMsg, reason } = await attempt(action);
    if (errMsg) return finish(errMsg, reason);
    // Not an end: the buyer tries again.
    digits = "";
    showDigits();
    setBusy(false);
    say(t(COMPLAINTS[action]), true);
    fill.focus();
  }

  // WeChat out of reach is a failure of the cashier; whether money moved, the server will say.
  async function attempt(action) {
    try {
      return await act(action);
    } catch (error) {
      return { errMsg: action === "cancel" ? CANCELLED : "requestPayment:fail", reason: error.message };
    }
  }

  async function finish(errMsg, reason) {
    if (errMsg === "requestPayment:ok") {
      say(t("cashier.paid"));
      panel.classList.add("done");
      await wait(SHOWN_PAID_MS);
    } else if (errMsg !== CANCELLED) {
      // A dialog of WeChat's ("order closed", ...): shown, then the cashier goes.
      say(t("cashier.error.said", { reason: reason ?? errMsg }), true);
      await wait(SHOWN_ERROR_MS);
    }
    end(errMsg);
  }

  function showAllDigits() {
    digits = "0".repeat(DIGITS);
    showDigits();
  }

  function setBusy(next) {
    busy = next;
    panel.classList.toggle("busy", next);
    panel.setAttribute("aria-busy", String(next));
  }

  function say(words, bad = false) {
    message.textContent = words;
    message.classList.toggle("bad", bad);
  }

  return { root, focus: () => fill.focus({ preventScroll: true }) };
}

function keepFocusInside(event, panel) {
  const buttons = [...panel.querySelectorAll("button")];
  const edge = event.shiftKey ? buttons[0] : buttons.at(-1);
  if (document.activeElement !== edge) return;
  event.preventDefault();
  (event.shiftKey ? buttons.at(-1) : buttons[0]).focus();
}
