// The eight steps of a purchase, lighting up as their messages pass.

import { h, icon } from "./dom.js";
import { onLanguage, t } from "./language.js";
import { provesPaid, purchaseWatcher } from "./reading.js";

const STEPS = ["login", "order", "prepay", "signed", "cashier", "notification", "committed", "event"];

// Which step a message belongs to. A query that finds the money stands in for the notification.
const STEP_OF_KIND = {
  login: "login",
  code2session: "login",
  order: "order",
  prepay: "prepay",
  pay: "signed",
  request_payment: "signed",
  cashier: "cashier",
  notification: "notification",
  notification_refused: "notification",
  commit: "committed",
  event: "event",
};

/**
 * Fills `root` (an ordered list) and returns `{ add }`. `now` says the current step in words;
 * `onOpen(seq)` hears which step's message was asked for.
 */
export function createSteps(root, { now, onOpen }) {
  let steps = fresh();
  let lastProof = null;
  const begins = purchaseWatcher();

  function fresh(kept = {}) {
    return Object.fromEntries(STEPS.map((name) => [name, kept[name] ?? { state: "todo", seq: null }]));
  }

  function add(entry) {
    // A new order begins a new purchase; the login stays valid for it.
    if (begins(entry)) {
      steps = fresh({ login: steps.login });
      lastProof = null;
    }
    if (provesPaid(entry)) lastProof = entry.seq;
    const name = STEP_OF_KIND[entry.kind];
    if (name) mark(name, entry);
    if (entry.kind === "commit") proven();
    render();
  }

  function mark(name, entry) {
    const good = entry.ok !== false && entry.kind !== "notification_refused";
    if (good) steps[name] = { state: "done", seq: entry.seq };
    // Trouble never takes back what was reached.
    else if (steps[name].state !== "done" && steps[name].state !== "healed") steps[name] = { state: "trouble", seq: entry.seq };
    // The cashier is open again: what went wrong in it before is over.
    if (good && entry.kind === "request_payment" && steps.cashier.state === "trouble") steps.cashier = { state: "todo", seq: null };
  }

  // Paid without a notification: the query was the proof.
  function proven() {
    if (steps.notification.state !== "done" && lastProof !== null) steps.notification = { state: "healed", seq: lastProof };
  }

  function render() {
    const current = STEPS.find((name) => ["todo", "trouble"].includes(steps[name].state));
    root.replaceChildren(...STEPS.map((name, index) => item(name, index, name === current)));
    const words = current ? t("steps.now", { number: STEPS.indexOf(current) + 1, name: t(`steps.${current}`) }) : t("steps.finished");
    if (now.textContent !== words) now.textContent = words;
  }

  function item(name, index, current) {
    const { state, seq } = steps[name];
    const shown = t(state === "healed" ? "steps.query" : `steps.${name}`);
    const label = t("steps.open", { number: index + 1, name: shown, state: t(`steps.state.${state}`) });
    const mark = state === "done" || state === "healed" ? icon("M6 12.5l4 4 8-9") : state === "trouble" ? "!" : String(index + 1);
    return h(
      "li",
      { class: `step state-${state}${current ? " current" : ""}`, "data-step": name, "data-state": state },
      h(
        "button",
        { type: "button", disabled: seq === null, "aria-label": label, onclick: () => onOpen(seq) },
        h("span", { class: "dot", "aria-hidden": "true" }, mark),
        h("span", { class: "name", "aria-hidden": "true" }, shown),
      ),
    );
  }

  onLanguage(render);
  render();
  return { add };
}
