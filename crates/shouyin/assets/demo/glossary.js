// Words a newcomer does not know yet, explained where they stand.
//
// A sentence marks a word as [[word]] or [[word|shown form]]. It becomes a button that shows the
// explanation on hover, on focus and on tap; one tip exists at a time.

import { h } from "./dom.js";
import { onLanguage, text } from "./language.js";

const MARK = /\[\[([^\]|]+)(?:\|([^\]]+))?\]\]/g;
const GAP_PX = 8;

let tip;
let owner = null;

/** Turns a sentence with marked words into nodes. */
export function rich(sentence) {
  const nodes = [];
  let end = 0;
  for (const match of sentence.matchAll(MARK)) {
    nodes.push(sentence.slice(end, match.index), term(match[1], match[2] ?? match[1]));
    end = match.index + match[0].length;
  }
  nodes.push(sentence.slice(end));
  return nodes.filter((node) => node !== "");
}

/** A word with its explanation; plain text when the glossary does not know it. */
export function term(word, shown = word) {
  const explanation = text(`glossary.${word}`);
  if (explanation === undefined) return shown;
  const button = h("button", { type: "button", class: "term", lang: null }, shown);
  const show = () => open(button, explanation);
  button.addEventListener("mouseenter", show);
  button.addEventListener("focus", show);
  button.addEventListener("mouseleave", close);
  button.addEventListener("blur", close);
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    show();
  });
  return button;
}

function open(button, explanation) {
  tip ??= document.body.appendChild(h("div", { id: "tip", class: "tip", role: "tooltip", hidden: true }));
  owner?.removeAttribute("aria-describedby");
  owner = button;
  owner.setAttribute("aria-describedby", "tip");
  tip.textContent = explanation;
  tip.hidden = false;
  place(button.getBoundingClientRect(), tip.getBoundingClientRect());
}

// Above the word when there is room, else below; never outside the window.
function place(word, box) {
  const left = Math.min(Math.max(word.left + word.width / 2 - box.width / 2, GAP_PX), innerWidth - box.width - GAP_PX);
  const above = word.top - box.height - GAP_PX;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > GAP_PX ? above : word.bottom + GAP_PX}px`;
}

function close() {
  owner?.removeAttribute("aria-describedby");
  owner = null;
  if (tip) tip.hidden = true;
}

document.addEventListener("keydown", (event) => event.key === "Escape" && close());
document.addEventListener("scroll", close, { capture: true, passive: true });
onLanguage(close);
