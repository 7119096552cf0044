// The buyer's side: buying, cancelling, mistyping, tapping twice.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, openDemo } from "./browser.js";
import { startDemo } from "./demo.js";

let demo;
let browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(), launch()]);
});

after(async () => {
  await browser.close();
  assert.equal(await demo.stop(), 0, "Ctrl-C ends the demo cleanly");
});

const ofKind = (entries, kind) => entries.filter((entry) => entry.kind === kind);
const payment = (entries) => ofKind(entries, "event")[0].payment_id;

for (const [lang, paid, stepNames] of [
  ["en", "Paid", ["Login code", "Event"]],
  ["zh", "已支付", ["登录凭证", "事件"]],
]) {
  test(`a coffee is bought, ${lang}`, async () => {
    const { page, complaints, buyer, timeline } = await openDemo(browser, demo.url, { lang });
    await buyer.buy("latte");
    assert.equal(await page.locator("[data-outcome] h3").textContent(), paid);

    const entries = await timeline.until("an event", (all) => ofKind(all, "event").length > 0);
    for (const kind of ["login", "code2session", "order", "prepay", "pay", "request_payment", "cashier", "commit", "event"]) {
      assert.ok(ofKind(entries, kind).length > 0, `the timeline shows ${kind}`);
    }
    await timeline.until("the notification", (all) => all.some((entry) => entry.kind === "notification" && entry.ok));

    // All eight steps are lit, whichever way the proof came first.
    await page.waitForFunction(() => [...document.querySelectorAll(".step")].every((step) => ["done", "healed"].includes(step.dataset.state)));
    const names = await page.locator(".step .name").allTextContents();
    assert.deepEqual([names[0], names.at(-1)], stepNames);
    assert.equal(await page.evaluate(() => document.documentElement.lang), lang === "zh" ? "zh-CN" : "en");
    assert.deepEqual(complaints, []);
    await page.context().close();
  });
}

test("the amount on the phone is the shop's, and the cashier asks for the same", async () => {
  const { page, buyer } = await openDemo(browser, demo.url);
  await page.locator(".sizes button").nth(1).click();
  const shown = await page.locator('.drink:has([data-item="oolong_milk_tea"]) .price').textContent();
  await buyer.order("oolong_milk_tea");
  assert.equal(await page.locator(".paper .price").textContent(), shown);
  await buyer.openCashier();
  assert.equal(await page.locator(".cashier .sum").textContent(), shown);
  await page.context().close();
});

test("cancelled, then paid: the same payment and the same order at WeChat", async () => {
  const { page, complaints, buyer, timeline } = await openDemo(browser, demo.url);
  await buyer.order("americano");
  await buyer.openCashier();
  await buyer.inCashier("cancel");
  await buyer.sees("cancelled");
  await buyer.openCashier();
  await buyer.inCashier("pay");
  await buyer.sees("paid");

  const entries = await timeline.until("an event", (all) => ofKind(all, "event").length > 0);
  assert.equal(ofKind(entries, "prepay").filter((entry) => entry.ok).length, 1, "the prepay_id is used again");
  assert.equal(ofKind(entries, "request_payment").length, 2, "the cashier opened twice");
  const numbers = new Set(entries.filter((entry) => entry.out_trade_no).map((entry) => entry.out_trade_no));
  assert.equal(numbers.size, 1, "one out_trade_no");
  assert.equal(new Set(entries.filter((entry) => entry.payment_id).map((entry) => entry.payment_id)).size, 1, "one payment");
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test("two quick taps make one order and one payment", async () => {
  const { page, complaints, buyer, timeline } = await openDemo(browser, demo.url);
  await page.locator('.buy[data-item="croissant"]').dblclick();
  await page.locator('[data-do="pay"]').dblclick();
  await page.locator(".cashier").waitFor();
  assert.equal(await page.locator(".cashier").count(), 1, "one cashier");
  await buyer.inCashier("pay");
  await buyer.sees("paid");
  const entries = await timeline.until("an event", (all) => ofKind(all, "event").length > 0);
  assert.equal(ofKind(entries, "order").filter((entry) => entry.to === "shouyin").length, 1);
  assert.equal(ofKind(entries, "prepay").length, 1);
  assert.equal(ofKind(entries, "event").length, 1);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test("a wrong password and too little money leave the cashier open; then it is paid", async () => {
  const { page, complaints, buyer, timeline } = await openDemo(browser, demo.url);
  await buyer.order("latte");
  await buyer.openCashier();
  for (const action of ["wrong_password", "not_enough_money"]) {
    await buyer.inCashier(action);
    await page.locator(".cashier-message.bad").waitFor();
    await page.locator('.cashier[aria-busy="false"]').waitFor();
  }
  // This time by hand: six digits on the keyboard.
  await page.keyboard.type("123456");
  await buyer.sees("paid");
  const entries = await timeline.until("an event", (all) => ofKind(all, "event").length > 0);
  assert.equal(ofKind(entries, "event").length, 1);
  assert.equal(ofKind(entries, "cashier").filter((entry) => !entry.ok).length, 2);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test("the list of orders knows what is paid and lets an open one be paid", async () => {
  const { page, complaints, buyer, timeline } = await openDemo(browser, demo.url);
  await buyer.buy("latte");
  await page.locator('[data-do="another"]').click();
  await buyer.order("croissant");
  await page.locator(".nav .back").click();
  await page.locator('.tab-bar [data-page="orders"]').click();
  assert.deepEqual(await page.locator(".order-row .chip").allTextContents(), ["not paid", "paid"]);
  await page.locator(".order-row").first().click();
  await page.locator('[data-do="pay"]').click();
  await page.locator(".cashier").waitFor();
  await buyer.inCashier("pay");
  await buyer.sees("paid");
  const events = await timeline.until("two events", (all) => ofKind(all, "event").length === 2);
  assert.notEqual(payment(events), ofKind(events, "event")[1].payment_id);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test("a page reloaded in the cashier learns that the payment was made", async () => {
  const { page, buyer, timeline } = await openDemo(browser, demo.url);
  await buyer.order("latte");
  await buyer.openCashier();
  // The buyer's phone dies right after paying: the app never hears of it.
  await Promise.all([page.waitForResponse((response) => response.url().endsWith("/cashier/pay")), buyer.inCashier("pay")]);
  await page.reload();
  await timeline.until("an event", (all) => ofKind(all, "event").length === 1);
  await page.locator('.tab-bar [data-page="orders"]').click();
  await page.locator(".order-row .chip.paid").waitFor();
  await page.context().close();
});
