// The list of messages: groups them by purchase, keeps the newest in view, remembers what is open.

import { h, prefersReducedMotion } from "./dom.js";
import { entryCard } from "./entry-card.js";
import { onLanguage, t } from "./language.js";
import { PARTIES } from "./parties.js";
import { purchaseWatcher } from "./reading.js";
import { createRepeats } from "./repeats.js";

const NEAR_END_PX = 80;

const motion = () => (prefersReducedMotion() ? "auto" : "smooth");

/** Fills `root` with the timeline and returns `{ add, show, showLatestPurchase, setState }`. */
export function createTimeline(root) {
  let entries = [];
  const open = new Set();
  let purchases = 0;
  let follow = true;
  let paused = false;
  let begins = purchaseWatcher();
  const repeats = createRepeats();

  const state = h("span", { class: "live", role: "status" });
  const followBox = h("input", { type: "checkbox", id: "follow" });
  const list = h("ol", { class: "entries", id: "entries" });
  const empty = h("div", { class: "nothing-yet" });
  const newer = h("button", { type: "button", class: "newer", hidden: true, onclick: onNewer });
  const lanes = h("div", { class: "lanes" });
  const scroller = h("div", { class: "scroller", tabindex: "0", role: "region" }, empty, list);
  root.dataset.connection = "connecting";
  const head = h("header", { class: "timeline-head" });
  root.append(head, lanes, scroller, newer);

  let connection = "connecting";

  function renderFrame() {
    followBox.checked = follow;
    head.replaceChildren(
      h("h2", { id: "timeline-title" }, t("timeline.title")),
      state,
      h("label", { class: "follow" }, followBox, t("timeline.follow")),
      h("button", { type: "button", class: "quiet", onclick: clear }, t("timeline.clear")),
    );
    lanes.replaceChildren(...PARTIES.map((party) => h("div", { class: "lane-name", "data-party": party }, h("i", { "aria-hidden": "true" }), t(`party.${party}`))));
    scroller.setAttribute("aria-label", t("timeline.list"));
    newer.textContent = t("timeline.newer");
    empty.replaceChildren(
      h("h3", {}, t("timeline.empty.title")),
      h("p", {}, t("timeline.empty")),
      h("dl", {}, PARTIES.map((party) => h("div", { "data-party": party }, h("dt", {}, t(`party.${party}`)), h("dd", {}, t(`party.${party}.about`))))),
    );
    state.textContent = t(`timeline.${connection}`);
  }

  function renderAll() {
    renderFrame();
    purchases = 0;
    begins = purchaseWatcher();
    repeats.reset();
    list.replaceChildren();
    entries.forEach(place);
    empty.hidden = entries.length > 0;
  }

  function place(entry) {
    const card = entryCard(entry, { open: open.has(entry.seq), onToggle });
    const first = begins(entry);
    if (first) list.append(separator());
    // The shop orders at Shouyin while the phone's order waits for its answer: asked first, shown first.
    const within = !first && entry.kind === "order" && list.lastElementChild?.dataset.kind === "order";
    if (within && entry.at < list.lastElementChild.dataset.at) list.lastElementChild.before(card);
    else list.append(card);
    repeats.add(entry, card);
    return { card, first };
  }

  function separator() {
    purchases += 1;
    return h("li", { class: "purchase" }, h("span", {}, t("timeline.purchase", { number: purchases })));
  }

  function onToggle(seq, isOpen) {
    if (!isOpen) return void open.delete(seq);
    open.add(seq);
    const card = list.querySelector(`#entry-${seq}`);
    const below = card.getBoundingClientRect().bottom > scroller.getBoundingClientRect().bottom;
    if (below) card.scrollIntoView({ block: "start", behavior: motion() });
  }

  function clear() {
    entries = [];
    open.clear();
    renderAll();
  }

  function onNewer() {
    setFollow(true);
    // On a narrow window the page scrolls, not the list.
    if (scroller.scrollHeight <= scroller.clientHeight) list.lastElementChild?.scrollIntoView({ block: "end", behavior: motion() });
  }

  function toEnd() {
    newer.hidden = true;
    scroller.scrollTo({ top: scroller.scrollHeight, behavior: motion() });
  }

  function add(entry) {
    entries.push(entry);
    empty.hidden = true;
    const { card, first } = place(entry);
    card.classList.add("fresh");
    // Who starts a new purchase wants to see it, wherever the last one was left.
    if (first && paused) setFollow(true);
    if (follow) toEnd();
    else newer.hidden = false;
  }

  /** Goes to where the latest purchase begins; for a window that scrolls as a whole. */
  function showLatestPurchase() {
    [...list.querySelectorAll(".purchase")].at(-1)?.scrollIntoView({ block: "start", behavior: "auto" });
  }

  /** Opens the card of `seq` and brings it into view. */
  function show(seq) {
    const card = list.querySelector(`#entry-${seq}`);
    if (!card) return;
    pause();
    card.hidden = false;
    const toggle = card.querySelector(".toggle-detail");
    if (toggle.getAttribute("aria-expanded") === "false") toggle.click();
    card.scrollIntoView({ block: "start", behavior: motion() });
    toggle.focus({ preventScroll: true });
  }

  function setFollow(next) {
    follow = next;
    paused = false;
    followBox.checked = next;
    if (next) toEnd();
  }

  /** Whoever scrolls up or opens a message is reading: following pauses until they are back at the end. */
  function pause() {
    if (!follow) return;
    setFollow(false);
    paused = true;
  }

  followBox.addEventListener("change", () => setFollow(followBox.checked));
  scroller.addEventListener("wheel", (event) => event.deltaY < 0 && pause(), { passive: true });
  scroller.addEventListener("touchmove", pause, { passive: true });
  scroller.addEventListener("click", (event) => event.target.closest(".toggle-detail") && pause(), { capture: true });
  scroller.addEventListener("scroll", () => {
    const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END_PX;
    if (!atEnd) return;
    newer.hidden = true;
    if (paused && open.size === 0) setFollow(true);
  });
  onLanguage(renderAll);
  renderAll();

  return {
    add,
    show,
    showLatestPurchase,
    setState(next) {
      connection = next;
      root.dataset.connection = next;
      state.textContent = t(`timeline.${next}`);
    },
  };
}
