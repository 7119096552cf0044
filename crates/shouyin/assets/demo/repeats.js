// While the buyer is in the cashier, the phone and Shouyin ask the same questions again and again.
// Equal answers in a row are shown once, with a count; the earlier ones stay one tap away.

import { h } from "./dom.js";
import { t } from "./language.js";
import { answeredState } from "./reading.js";

const ASKED_AGAIN = new Set(["query", "confirm"]);

/** Returns `{ add, reset }`; `add(entry, card)` folds the card together with equal ones just before it. */
export function createRepeats() {
  // The run of questions at the end of the timeline: one fold per question and answer.
  let folds = new Map();

  function add(entry, card) {
    if (!ASKED_AGAIN.has(entry.kind)) {
      folds.clear();
      return;
    }
    const key = [entry.kind, entry.from, entry.out_trade_no ?? entry.payment_id, entry.ok, entry.title?.en, answeredState(entry)].join("|");
    const fold = folds.get(key);
    if (fold) fold.push(card);
    else folds.set(key, createFold(card));
  }

  return { add, reset: () => (folds = new Map()) };
}

function createFold(first) {
  const cards = [first];
  let shown = false;
  const button = h("button", { type: "button", class: "repeats", onclick: toggle });

  function push(card) {
    cards.push(card);
    render();
  }

  function toggle() {
    shown = !shown;
    render();
  }

  function render() {
    const last = cards.at(-1);
    for (const card of cards) card.hidden = card !== last && !shown;
    button.textContent = t(shown ? "entry.repeats.hide" : "entry.repeats.show", { count: cards.length });
    button.setAttribute("aria-expanded", String(shown));
    last.querySelector(".meta").append(button);
  }

  return { push };
}
