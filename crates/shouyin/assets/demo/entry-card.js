// One message on the timeline: an arrow between two lanes, a title, one sentence for a newcomer,
// and behind a tap the evidence: checks, decrypted content, exact bytes.

import { h, icon } from "./dom.js";
import { rich } from "./glossary.js";
import { pick, t, text } from "./language.js";
import { bodyBlock, curlCommand, requestSection, responseSection } from "./message.js";
import { laneCentre } from "./parties.js";
import { answeredState } from "./reading.js";

// Addresses a shell can reach: the three on this page's own origin. WeChat's side has another one.
const OWN_ORIGIN = new Set(["shouyin", "shop"]);

/** Builds the card; `open` says whether its evidence is shown, `onToggle(seq, open)` hears of a change. */
export function entryCard(entry, { open, onToggle }) {
  const detailId = `entry-${entry.seq}-detail`;
  const detail = h("div", { class: "detail", id: detailId, hidden: !open });
  if (open) detail.append(...evidence(entry));

  const toggle = h(
    "button",
    { type: "button", class: "toggle-detail", "aria-expanded": String(open), "aria-controls": detailId },
    h("span", { class: "title" }, pick(entry.title)),
    badge(entry),
    stateBadge(entry),
    icon("M6 9l6 6 6-6"),
  );
  const card = h(
    "li",
    {
      class: `entry${entry.ok === false ? " not-ok" : ""}`,
      id: `entry-${entry.seq}`,
      "data-kind": entry.kind,
      "data-at": entry.at,
      "data-party": entry.from,
      "data-from": entry.from,
      "data-to": entry.to,
      "data-ok": String(entry.ok !== false),
    },
    arrow(entry),
    h(
      "div",
      { class: "words" },
      h("h3", {}, toggle),
      h("p", { class: "say" }, rich(sentence(entry))),
      h("p", { class: "meta" }, meta(entry)),
    ),
    detail,
  );

  const flip = () => {
    const next = detail.hidden;
    if (next) detail.replaceChildren(...evidence(entry));
    detail.hidden = !next;
    toggle.setAttribute("aria-expanded", String(next));
    card.classList.toggle("open", next);
    onToggle(entry.seq, next);
  };
  if (open) card.classList.add("open");
  toggle.addEventListener("click", flip);
  return card;
}

/** What happened here, for somebody who sees it the first time. */
function sentence(entry) {
  const suffix = entry.ok === false ? ".not_ok" : "";
  const keys = [`${entry.kind}.${entry.from}-${entry.to}${suffix}`, `${entry.kind}${suffix}`, `${entry.kind}.${entry.from}-${entry.to}`, entry.kind];
  return keys.map((key) => text(`say.${key}`)).find((found) => found !== undefined) ?? "";
}

function arrow(entry) {
  const from = laneCentre(entry.from);
  const to = laneCentre(entry.to);
  const classes = entry.from === entry.to ? "arrow inside" : to > from ? "arrow right" : "arrow left";
  return h(
    "div",
    { class: "lane", "aria-hidden": "true" },
    h("span", { class: classes, "--from": `${Math.min(from, to)}%`, "--to": `${100 - Math.max(from, to)}%` }),
  );
}

function badge(entry) {
  if (entry.kind === "notification_refused") return h("span", { class: "badge bad" }, t("entry.refused"));
  if (entry.response) return h("span", { class: `badge ${mood(entry)}` }, String(entry.response.status));
  if (entry.ok === false) return h("span", { class: "badge bad" }, entry.request ? t("entry.none") : t("entry.trouble"));
  return null;
}

const SPEAKS_OF_STATE = new Set(["query", "confirm", "cashier"]);

function stateBadge(entry) {
  const state = SPEAKS_OF_STATE.has(entry.kind) ? answeredState(entry) : "";
  return state === "" ? null : h("span", { class: `badge ${/^(paid|SUCCESS)$/.test(state) ? "good" : "plain"}` }, state);
}

// Neither good nor bad: an answer below 400 to something that went wrong (a wrong password), and one above that is as it
// should be (a day without a bill).
function mood({ response, ok }) {
  if (response.status >= 400) return ok === false ? "bad" : "plain";
  return ok === false ? "plain" : "good";
}

function meta(entry) {
  const names = { from: t(`party.${entry.from}`), to: t(`party.${entry.to}`) };
  return [
    h("span", { class: "who" }, t(entry.from === entry.to ? "entry.inside" : "entry.to", names)),
    h("time", { datetime: entry.at }, clockTime(entry.at)),
    Number.isFinite(entry.duration_ms) ? h("span", {}, t("entry.ms", { ms: entry.duration_ms })) : null,
    entry.out_trade_no ? h("span", { class: "number" }, entry.out_trade_no) : null,
  ];
}

// The time as the server wrote it, whatever the zone of this browser: "2026-01-05T12:03:04.120+08:00" -> "12:03:04.120".
const clockTime = (at) => /T(\d\d:\d\d:\d\d(?:\.\d{1,3})?)/.exec(at)?.[1] ?? at;

function evidence(entry) {
  const parts = [];
  if (entry.explained?.length) parts.push(checks(entry.explained));
  if (entry.decrypted) parts.push(h("section", { class: "message" }, h("h4", {}, t("entry.decrypted")), bodyBlock(entry.decrypted)));
  if (entry.request) {
    const curl = OWN_ORIGIN.has(entry.to) ? curlCommand(entry.request, location.origin) : null;
    parts.push(requestSection(entry.request, { curl }));
  }
  if (entry.response) parts.push(responseSection(entry.response));
  if (entry.from === entry.to) parts.push(h("p", { class: "nothing" }, t("entry.nothing")));
  return parts;
}

function checks(explained) {
  return h(
    "section",
    { class: "checks" },
    h("h4", {}, t("entry.checks")),
    h("ul", {}, explained.map(check)),
  );
}

function check(item) {
  const good = item.ok !== false;
  return h(
    "li",
    { class: good ? "good" : "bad" },
    icon(good ? "M5 12.5l4.5 4.5L19 7.5" : "M6 6l12 12M18 6L6 18"),
    h("span", { class: "visually-hidden" }, t(good ? "entry.ok" : "entry.not_ok"), ": "),
    h("span", {}, pick(item)),
    item.detail ? h("details", {}, h("summary", {}, t("entry.signed_text")), h("pre", { class: "bytes signed", tabindex: "0" }, visibleLineEnds(item.detail))) : null,
  );
}

// A signed text ends every line with \n, the last one too; one missing is the classic mistake, so they are shown.
function visibleLineEnds(signed) {
  return signed.split("\n").flatMap((line, index, lines) => {
    if (index === lines.length - 1) return line === "" ? [] : [line];
    return [line, h("span", { class: "line-end" }, "\\n"), "\n"];
  });
}
