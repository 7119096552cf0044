// Puts the page together: phone, steps, timeline, switches, languages and tabs.

import { loadCommonJs, loadShouyin } from "/demo/package/browser/load.js";
import { createControls } from "./controls.js";
import { startFeed } from "./feed.js";
import { apply, currentLanguage, onLanguage, setLanguage, t } from "./language.js";
import { createPhone } from "./phone.js";
import { createSteps } from "./steps.js";
import { createTabs } from "./tabs.js";
import { createTimeline } from "./timeline.js";

// The very files a mini program runs: the client package and the sample shop.
const PACKAGE = "/demo/package/src";
const SHOP = new URL("/demo/coffee-shop/miniprogram/shop.js", location.href);
const USER_KEY = "demo:user";

const byId = (id) => document.getElementById(id);

function languageButtons() {
  const buttons = [...document.querySelectorAll("[data-language]")];
  const mark = () => buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.language === currentLanguage())));
  for (const button of buttons) button.addEventListener("click", () => setLanguage(button.dataset.language));
  onLanguage(mark);
  mark();
}

async function loadConfig() {
  const response = await fetch("/demo/config.json");
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const config = await response.json();
  // The session on this phone belongs to one buyer: a reloaded tab stays the same person.
  const user = sessionStorage.getItem(USER_KEY) ?? config.user;
  sessionStorage.setItem(USER_KEY, user);
  return { ...config, user };
}

async function start() {
  apply();
  languageButtons();
  const timeline = createTimeline(byId("timeline-panel"));
  const tabs = createTabs({ onOpen: (name) => name === "timeline" && timeline.showLatestPurchase() });
  const steps = createSteps(byId("steps"), {
    now: byId("step-now"),
    onOpen(seq) {
      tabs.select("timeline");
      timeline.show(seq);
    },
  });
  const phone = createPhone(byId("phone-panel"));
  const config = await loadConfig();
  const controls = createControls(byId("trouble-panel"), { wechatBase: config.wechat_base });
  startFeed({
    onEntry(entry, live) {
      timeline.add(entry);
      steps.add(entry);
      if (live) tabs.noteMessage();
      controls.noteMessage();
    },
    onState: timeline.setState,
  });
  const { createShouyin } = await loadShouyin(PACKAGE);
  const { createShop } = await loadCommonJs([SHOP]);
  await phone.start({ config, createShouyin, createShop });
}

start().catch((error) => {
  const broken = byId("broken");
  broken.textContent = t("page.broken", { reason: error.message });
  broken.hidden = false;
});
