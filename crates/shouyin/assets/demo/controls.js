// Switches that make WeChat's side misbehave once, so that the healing can be watched.

import { h, icon } from "./dom.js";
import { rich } from "./glossary.js";
import { onLanguage, t } from "./language.js";

const DELAY_MS = 8000;
const REFRESH_MS = 300;

const TROUBLES = [
  { name: "lost", fault: { fault: "notification_lost" }, icon: ["M4 6h16v12H4z", "M4 7l8 6 8-6", "M3 3l18 18"] },
  { name: "delayed", fault: { fault: "notification_delayed", delay_ms: DELAY_MS }, icon: ["M12 4a8 8 0 100 16 8 8 0 000-16z", "M12 8v4.5l3 2"] },
  { name: "doubled", fault: { fault: "notification_duplicated" }, icon: ["M8 8h12v10H8z", "M16 8V5H4v10h4"] },
  { name: "forged", fault: { fault: "notification_forged" }, icon: ["M12 3l8 3v6c0 4.5-3.2 7.6-8 9-4.8-1.4-8-4.5-8-9V6z", "M9.5 9.5l5 5M14.5 9.5l-5 5"] },
  { name: "probe", fault: { fault: "notification_signtest" }, icon: ["M11 4a7 7 0 100 14 7 7 0 000-14z", "M16.2 16.2L21 21", "M11 8v3.5M11 14v.2"] },
  { name: "answer_lost", fault: { fault: "connection_reset_after", operation: "prepay" }, icon: ["M3 12h6M15 12h6", "M10.5 8l3 8"] },
  { name: "busy", fault: { fault: "system_error", operation: "prepay" }, icon: ["M5 5h14v6H5zM5 13h14v6H5z", "M8 8h.2M8 16h.2", "M12 8h4M12 16h4"] },
];

/** Fills `root` and returns `{ noteMessage }`, to be called for every message: it may have used a switch up. */
export function createControls(root, { wechatBase }) {
  const url = `${wechatBase}/faults`;
  let active = [];
  let error = "";
  let refreshTimer = null;

  const title = h("h2", { id: "trouble-title" });
  const hint = h("p", { class: "hint" });
  const status = h("p", { class: "status", role: "status" });
  const clear = h("button", { type: "button", class: "quiet clear", onclick: () => change({ method: "DELETE" }) });
  const list = h("ul", { class: "troubles" });
  root.append(h("header", {}, title, hint), list, h("footer", {}, status, clear));

  const cards = new Map(TROUBLES.map((trouble) => [trouble.name, card(trouble)]));
  list.append(...[...cards.values()].map((parts) => parts.item));

  function card(trouble) {
    const name = h("span", { class: "name" });
    const armed = h("span", { class: "armed" });
    const what = h("span", {});
    const heals = h("span", { class: "heals" });
    const about = h("p", { id: `trouble-${trouble.name}-about` }, what, " ", heals);
    const button = h(
      "button",
      {
        type: "button",
        "aria-pressed": "false",
        "aria-describedby": `trouble-${trouble.name}-about`,
        onclick: () => toggle(trouble),
      },
      icon(...trouble.icon),
      name,
      armed,
    );
    return { item: h("li", { class: "trouble", "data-trouble": trouble.name }, button, about), button, name, armed, what, heals };
  }

  const isActive = (trouble) =>
    active.some((fault) => fault.fault === trouble.fault.fault && (!trouble.fault.operation || !fault.operation || fault.operation === trouble.fault.operation));

  // The simulator clears all switches at once: taking one back sets the others again.
  async function toggle(trouble) {
    if (!isActive(trouble)) return change({ method: "POST", body: trouble.fault });
    const others = TROUBLES.filter((other) => other !== trouble && isActive(other));
    await change({ method: "DELETE" });
    for (const other of others) await change({ method: "POST", body: other.fault });
  }

  async function change({ method, body }) {
    const problem = await send(method, body);
    error = problem ? t("trouble.failed", { reason: problem }) : "";
    await refresh();
  }

  async function refresh() {
    try {
      const response = await fetch(url);
      if (response.ok) active = await faultsOf(response);
    } catch {
      // The server is away; the timeline's header says so. The last known switches stay shown.
    }
    render();
  }

  /** Sends a change; answers what went wrong, or nothing. */
  async function send(method, body) {
    const headers = body ? { "content-type": "application/json" } : {};
    try {
      const response = await fetch(url, { method, headers, body: body && JSON.stringify({ times: 1, ...body }) });
      return response.ok ? "" : `HTTP ${response.status}`;
    } catch (failure) {
      return failure.message;
    }
  }

  function render() {
    title.textContent = t("trouble.title");
    hint.textContent = t("trouble.hint");
    clear.textContent = t("trouble.clear");
    const names = TROUBLES.filter(isActive).map((trouble) => t(`trouble.${trouble.name}`));
    status.textContent = error || (names.length ? t("trouble.active", { names: names.join(", ") }) : t("trouble.none"));
    status.classList.toggle("armed", names.length > 0);
    clear.hidden = names.length === 0;
    for (const trouble of TROUBLES) renderCard(trouble, cards.get(trouble.name));
  }

  function renderCard(trouble, parts) {
    const on = isActive(trouble);
    parts.button.setAttribute("aria-pressed", String(on));
    parts.item.classList.toggle("on", on);
    parts.name.textContent = t(`trouble.${trouble.name}`);
    parts.armed.textContent = on ? t("trouble.armed") : "";
    parts.what.replaceChildren(...rich(t(`trouble.${trouble.name}.what`)));
    parts.heals.replaceChildren(...rich(t(`trouble.${trouble.name}.heals`)));
  }

  onLanguage(render);
  render();
  refresh();
  return {
    noteMessage() {
      if (active.length === 0 || refreshTimer !== null) return;
      refreshTimer = setTimeout(() => {
        refreshTimer = null;
        refresh();
      }, REFRESH_MS);
    },
  };
}

async function faultsOf(response) {
  const answer = await response.json();
  return Array.isArray(answer) ? answer : (answer.faults ?? []);
}
