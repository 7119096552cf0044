// The four screens of the sample shop, drawn from what the phone knows.

import { h, icon, yuan } from "./dom.js";
import { drawing } from "./drinks.js";
import { pick, t } from "./language.js";

export function menuScreen(view, actions) {
  if (!view.menu) return [h("p", { class: "none" }, t("phone.opening"))];
  const sizes = view.menu.sizes ?? [];
  const extra = sizes.find(({ id }) => id === view.size)?.extra_fen ?? 0;
  return [
    h("div", { class: "hello" }, h("p", {}, t("phone.hello")), sizes.length > 1 && sizeSwitch(sizes, view, actions)),
    h(
      "ul",
      { class: "menu-list" },
      view.menu.items.map((item) => menuItem(item, item.price_fen + (item.sized ? extra : 0), view, actions)),
    ),
  ];
}

function sizeSwitch(sizes, view, actions) {
  return h(
    "div",
    { class: "sizes", role: "group", "aria-label": t("phone.size") },
    sizes.map(({ id, name }) =>
      h("button", { type: "button", "aria-pressed": String(id === view.size), "data-focus": `size:${id}`, onclick: () => actions.chooseSize(id) }, pick(name)),
    ),
  );
}

function menuItem(item, priceFen, view, actions) {
  const name = pick(item.name);
  return h(
    "li",
    { class: "drink" },
    drawing(item.id),
    h("div", { class: "about" }, h("h3", {}, name), h("p", {}, pick(item.note))),
    h(
      "div",
      { class: "side" },
      price(priceFen),
      h(
        "button",
        {
          type: "button",
          class: "buy",
          "data-item": item.id,
          "data-focus": `buy:${item.id}`,
          "aria-label": t("phone.buy.label", { name, price: yuan(priceFen) }),
          "aria-busy": view.busy === `buy:${item.id}` ? "true" : null,
          onclick: () => actions.buy(item),
        },
        t("phone.buy"),
      ),
    ),
  );
}

export function checkoutScreen(view, actions) {
  const { order, payment } = view;
  return [
    h(
      "div",
      { class: "paper" },
      picture(view),
      h("h3", {}, pick(order.name)),
      h(
        "dl",
        { class: "rows" },
        h("dt", {}, t("phone.order_no")),
        h("dd", {}, order.order_no),
        h("dt", {}, t("phone.description")),
        h("dd", {}, payment.description),
        h("dt", {}, t("phone.amount")),
        h("dd", {}, price(payment.amount_fen)),
      ),
    ),
    h("div", { class: "actions" }, payButton(view, actions, "phone.pay"), h("p", { class: "small-print" }, t("phone.pay.hint"))),
  ];
}

const MARKS = {
  paid: ["M5 12.5l4.5 4.5L19 7.5"],
  cancelled: ["M8 7L4 11l4 4", "M4 11h10a5 5 0 015 5v1"],
  failed: ["M7 7l10 10M17 7L7 17"],
  closed: ["M7 7l10 10M17 7L7 17"],
  unknown: ["M12 7v5.5l3.5 2", "M12 3a9 9 0 100 18 9 9 0 000-18z"],
};

/** How a payment stands: confirming, paid, cancelled, failed, unknown or closed. */
export function outcomeScreen(view, actions) {
  const { order, payment, outcome } = view;
  const mark = outcome === "confirming" ? h("span", { class: "spinner" }) : icon(...MARKS[outcome]);
  return [
    h(
      "div",
      { class: `outcome ${outcome}`, "data-outcome": outcome, role: "status" },
      h("div", { class: "mark", "aria-hidden": "true" }, mark),
      h("h3", {}, t(`phone.${outcome}`)),
      h("p", { class: "sum" }, price(payment.amount_fen)),
      h("p", { class: "hint" }, t(`phone.${outcome}.hint`)),
    ),
    h("div", { class: "paper" }, h("dl", { class: "rows bare" }, h("dt", {}, pick(order.name)), h("dd", {}, order.order_no))),
    h("div", { class: "actions" }, outcomeButtons(view, actions)),
  ];
}

function outcomeButtons(view, actions) {
  const { outcome, order } = view;
  const again = payButton(view, actions, "phone.pay_again");
  const check = button("check", "primary", view.busy === "check", () => actions.check(order), t("phone.check_again"));
  const another = button("another", outcome === "paid" || outcome === "closed" ? "primary" : "secondary", false, () => actions.go("menu"), t("phone.another"));
  const orders = button("orders", "secondary", false, () => actions.go("orders"), t("phone.to_orders"));
  return { confirming: [], paid: [another, orders], cancelled: [again, another], failed: [again, another], unknown: [check, another], closed: [another, orders] }[outcome];
}

export function ordersScreen(view, actions, orders) {
  if (orders.length === 0) return [h("p", { class: "none" }, t("phone.orders.empty"))];
  return orders.map((order) =>
    h(
      "button",
      { type: "button", class: "order-row", "data-focus": `order:${order.payment_id}`, "data-payment": order.payment_id, onclick: () => actions.openOrder(order) },
      h("span", { class: "about" }, h("b", {}, pick(order.name)), h("small", {}, order.order_no)),
      h("span", { class: "side" }, price(order.amount_fen), h("br"), h("span", { class: `chip ${order.state}` }, t(`phone.state.${order.state}`))),
    ),
  );
}

function payButton(view, actions, key) {
  const busy = view.busy === "pay";
  return button("pay", "primary pay", busy, () => actions.pay(view.order), t(busy ? "phone.opening" : key));
}

function button(name, kind, busy, onclick, words) {
  return h("button", { type: "button", class: kind, "data-focus": name, "data-do": name, "aria-busy": busy ? "true" : null, onclick }, words);
}

function picture(view) {
  const item = view.menu?.items.find(({ name }) => name.en === view.order.name.en);
  return drawing(item?.id);
}

const price = (fen) => h("span", { class: "price" }, h("small", {}, "¥"), yuan(fen));
