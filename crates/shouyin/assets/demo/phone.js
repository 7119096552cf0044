// The phone: a frame, the sample shop's four screens, and what happens between them.
// What the shop knows and how it pays is the sample's shop.js and the client package; this file only shows it.

import { createCashier } from "./cashier.js";
import { h, icon, svg } from "./dom.js";
import { onLanguage, t } from "./language.js";
import { checkoutScreen, menuScreen, ordersScreen, outcomeScreen } from "./screens.js";
import { createWx } from "./wx-shim.js";

const TOAST_MS = 3500;
const ASK_AGAIN_MS = 5000;
const PAGES_WITH_TABS = new Set(["menu", "orders"]);

/** Fills `root`. `start({ config, createShouyin, createShop })` opens the mini program. */
export function createPhone(root) {
  const clock = h("span", {});
  const back = h("button", { type: "button", class: "back", onclick: () => go("menu") }, icon("M15 5l-7 7 7 7"));
  const title = h("h2", {});
  const screen = h("div", { class: "screen" });
  const menuTab = tab("menu", "M5 8h11v6a5 5 0 01-5 5h-1a5 5 0 01-5-5z", "M16 9h2a2 2 0 010 5h-2", "M8 3v2M12 3v2");
  const ordersTab = tab("orders", "M6 3h12v18l-3-2-3 2-3-2-3 2z", "M9 8h6M9 12h6");
  const tabBar = h("nav", { class: "tab-bar" }, menuTab.button, ordersTab.button);
  const app = h(
    "div",
    { class: "app" },
    h("div", { class: "status-bar", "aria-hidden": "true" }, clock, battery()),
    h("header", { class: "nav" }, back, title, h("span", { class: "capsule", "aria-hidden": "true" }, h("i", {}), h("b", {}))),
    screen,
    tabBar,
  );
  const toast = h("p", { class: "toast", role: "alert", hidden: true });
  const glass = h("div", { class: "glass" }, app, toast);
  root.append(h("div", { class: "device" }, glass));

  // What is shown: the page, the order it is about, how its payment stands, and what is being waited for.
  const view = { page: "menu", menu: null, size: null, order: null, payment: null, outcome: null, busy: null };
  let shop = null;
  let shouyin = null;
  let askTimer = null;

  const actions = { buy, pay, check, go, chooseSize, openOrder };

  function tab(page, ...paths) {
    const label = h("span", {});
    const button = h("button", { type: "button", "data-page": page, onclick: () => go(page) }, icon(...paths), label);
    return { button, label, page };
  }

  function start({ config, createShouyin, createShop }) {
    const showCashier = createCashier(glass, { behind: app });
    const wx = createWx({ config, showCashier, showToast: say });
    shouyin = createShouyin({ baseUrl: new URL(config.server_base, location.origin).href, appid: config.appid, wx });
    shop = createShop({ wx, shouyin, shopUrl: new URL(config.shop_base, location.origin).href });
    tick();
    setInterval(tick, 5000);
    return attempt(async () => {
      view.menu = await shop.menu();
      view.size = view.menu.sizes?.[0].id;
      render();
      // What became of payments whose end this phone did not see (the page was reloaded in the cashier).
      await shop.resume();
      render();
    });
  }

  function go(page) {
    clearTimeout(askTimer);
    Object.assign(view, { page, outcome: null });
    render();
    if (page === "orders") attempt(refreshOrders);
  }

  async function refreshOrders() {
    await shop.refresh();
    if (view.page === "orders") render();
  }

  function chooseSize(size) {
    view.size = size;
    render();
  }

  function buy(item) {
    return busy(`buy:${item.id}`, async () => {
      // Logging in first shows the login as its own step; every later call would do it by itself.
      await shouyin.login();
      const size = item.sized ? view.size : undefined;
      await openOrder(await shop.placeOrder({ item: item.id, ...(size && { size }), name: item.name }), item.id);
    });
  }

  /** The checkout of an order, or its outcome when there is one. The amount shown is the server's. */
  async function openOrder(order) {
    const payment = await shop.view(order.payment_id);
    Object.assign(view, { page: "checkout", order, payment });
    if (payment.state === "paid" || payment.state === "closed") return showOutcome(order, payment.state);
    render();
  }

  // No lock here on purpose: two taps reach the package, which makes one payment of them.
  function pay(order) {
    view.busy = "pay";
    render();
    return attempt(async () => {
      const result = await shop.pay(order.payment_id, (stage) => showStage(order, stage));
      showOutcome(order, result.reason === "payment_closed" ? "closed" : result.state, result);
    }).finally(() => {
      view.busy = null;
      render();
    });
  }

  function showStage(order, stage) {
    if (stage === "confirming") showOutcome(order, "confirming");
  }

  function check(order) {
    return busy("check", async () => {
      const { state } = await shop.check(order.payment_id);
      // An open payment is simply not paid; the buyer may go on with it.
      showOutcome(order, { open: "cancelled", closing: "unknown" }[state] ?? state);
    });
  }

  function showOutcome(order, outcome, detail = {}) {
    clearTimeout(askTimer);
    Object.assign(view, { page: "outcome", order, outcome, detail });
    render();
    if (outcome === "unknown") askTimer = setTimeout(() => askAgain(order), ASK_AGAIN_MS);
  }

  // As long as the buyer looks at "still checking", the phone goes on asking.
  async function askAgain(order) {
    const { state } = await shop.check(order.payment_id).catch(() => ({ state: "unknown" }));
    if (view.page !== "outcome" || view.outcome !== "unknown" || view.order !== order) return;
    showOutcome(order, state === "paid" || state === "closed" ? state : "unknown", view.detail);
  }

  /** One thing at a time: a second tap while `name` runs does nothing. */
  async function busy(name, work) {
    if (view.busy !== null) return;
    view.busy = name;
    render();
    await attempt(work);
    view.busy = null;
    render();
  }

  async function attempt(work) {
    try {
      await work();
    } catch (error) {
      say(t("phone.error", { reason: error.detail ?? error.message }));
    }
  }

  function say(words) {
    toast.textContent = words;
    toast.hidden = false;
    setTimeout(() => (toast.hidden = true), TOAST_MS);
  }

  function tick() {
    clock.textContent = new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  }

  function render() {
    const draw = { menu: menuScreen, orders: ordersScreen, checkout: checkoutScreen, outcome: outcomeScreen }[view.page];
    const scrolled = screen.dataset.page === view.page ? screen.scrollTop : 0;
    const focused = document.activeElement?.dataset?.focus;
    screen.dataset.page = view.page;
    screen.replaceChildren(...draw(view, actions, shop?.orders() ?? []));
    screen.scrollTop = scrolled;
    // Drawing anew must not throw a keyboard user out of the button they just pressed.
    if (focused) screen.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    const key = { checkout: "order", outcome: "result" }[view.page] ?? view.page;
    title.textContent = t(`phone.title.${key}`);
    back.hidden = PAGES_WITH_TABS.has(view.page);
    back.setAttribute("aria-label", t("phone.back"));
    tabBar.hidden = !PAGES_WITH_TABS.has(view.page);
    tabBar.setAttribute("aria-label", t("phone.tabs.label"));
    for (const { button, label, page } of [menuTab, ordersTab]) {
      label.textContent = t(`phone.tab.${page}`);
      if (page === view.page) button.setAttribute("aria-current", "page");
      else button.removeAttribute("aria-current");
    }
  }

  onLanguage(render);
  render();
  return { start };
}

function battery() {
  return svg(
    "svg",
    { viewBox: "0 0 44 12" },
    [0, 4, 8, 12].map((x, index) => svg("rect", { x, y: 8 - index * 2, width: 2.6, height: 3 + index * 2, rx: 0.8 })),
    svg("rect", { x: 21, y: 0.8, width: 19, height: 10, rx: 3, fill: "none", stroke: "currentColor" }),
    svg("rect", { x: 22.6, y: 2.4, width: 13, height: 6.8, rx: 1.6 }),
    svg("rect", { x: 41, y: 4, width: 1.6, height: 4, rx: 0.8 }),
  );
}
