// The switches: what goes wrong on WeChat's side heals, and the phone never says "paid" on less than proof.

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

const kinds = (entries, kind) => entries.filter((entry) => entry.kind === kind);
const paidBy = (entries) => entries.slice(0, entries.findIndex((entry) => entry.kind === "event") + 1);

test("a lost notification: a query finds the payment", async () => {
  const { page, complaints, buyer, timeline } = await openDemo(browser, demo.url);
  await buyer.trouble("lost");
  await buyer.buy("latte");
  const entries = await timeline.until("an event", (all) => kinds(all, "event").length > 0);
  const proof = paidBy(entries);
  assert.equal(kinds(proof, "notification").length, 0, "no notification came before the payment was known");
  const query = kinds(proof, "query").at(-1);
  assert.match(query.response.body, /"trade_state": ?"SUCCESS"/, "the last query before the event brought the proof");
  await page.locator('.step[data-step="notification"][data-state="healed"]').waitFor();
  await page.locator('[data-trouble="lost"] button[aria-pressed="false"]').waitFor();
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test("a delayed notification arrives after the query and changes nothing", async () => {
  const { page, complaints, buyer, timeline } = await openDemo(browser, demo.url);
  await buyer.trouble("delayed");
  await buyer.buy("latte");
  const entries = await timeline.until("the late notification", (all) => all.some((entry) => entry.kind === "notification" && entry.ok));
  assert.equal(kinds(paidBy(entries), "notification").length, 0, "the query was first");
  assert.equal(kinds(entries, "event").length, 1);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test("a doubled notification is one payment.paid event", async () => {
  const { page, complaints, buyer, timeline } = await openDemo(browser, demo.url);
  await buyer.trouble("doubled");
  await buyer.buy("latte");
  const entries = await timeline.until("both notifications", (all) => all.filter((entry) => entry.kind === "notification" && entry.ok).length === 2);
  assert.equal(kinds(entries, "event").length, 1);
  assert.equal(new Set(kinds(entries, "notification").map((entry) => entry.out_trade_no)).size, 1);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

for (const name of ["forged", "probe"]) {
  test(`a ${name} notification is refused, and the payment is made all the same`, async () => {
    const { page, complaints, buyer, timeline } = await openDemo(browser, demo.url);
    await buyer.trouble(name);
    await buyer.buy("latte");
    const entries = await timeline.until("a refusal and an event", (all) => kinds(all, "notification_refused").length > 0 && kinds(all, "event").length > 0);
    const refused = kinds(entries, "notification_refused")[0];
    assert.equal(refused.ok, false);
    assert.ok(refused.response.status >= 400, `refused with ${refused.response.status}`);
    assert.equal(kinds(entries, "event").length, 1);
    if (name === "probe") assert.match(JSON.stringify(refused.request.headers), /WECHATPAY\/SIGNTEST\//);
    // The card says which check failed.
    const card = page.locator(`#entry-${refused.seq}`);
    await card.locator(".toggle-detail").click();
    await card.locator(".checks li.bad").first().waitFor();
    assert.deepEqual(complaints, []);
    await page.context().close();
  });
}

for (const [name, what] of [
  ["answer_lost", "WeChat's answer is lost after the work"],
  ["busy", "WeChat is busy"],
]) {
  test(`${what}: the same number is sent again, one payment comes of it`, async () => {
    const { page, complaints, buyer, timeline } = await openDemo(browser, demo.url);
    await buyer.trouble(name);
    await buyer.order("latte");
    await page.locator('[data-do="pay"]').click();
    // The package repeats by itself; where it gave up, the buyer taps again.
    await page.locator('.cashier, [data-outcome="unknown"]').first().waitFor();
    if (await page.locator('[data-outcome="unknown"]').isVisible()) {
      await page.locator('[data-do="check"]').click();
      await buyer.openCashier();
    }
    await buyer.inCashier("pay");
    await buyer.sees("paid");
    const entries = await timeline.until("an event", (all) => kinds(all, "event").length > 0);
    const prepays = kinds(entries, "prepay");
    assert.ok(prepays.length >= 2, "the prepay was repeated");
    assert.equal(prepays[0].ok, false);
    assert.equal(new Set(prepays.map((entry) => entry.out_trade_no)).size, 1, "under one out_trade_no");
    assert.equal(kinds(entries, "event").length, 1);
    // The browser itself reports every answer of 500 and above; nothing else may be wrong.
    assert.deepEqual(complaints.filter((text) => !/status of 50\d/.test(text)), []);
    await page.context().close();
  });
}

test("switches can be taken back", async () => {
  const { page, buyer } = await openDemo(browser, demo.url);
  await buyer.trouble("lost");
  await buyer.trouble("busy");
  await page.locator('[data-trouble="lost"] button').first().click();
  await page.locator('[data-trouble="lost"] button[aria-pressed="false"]').waitFor();
  await page.locator('[data-trouble="busy"] button[aria-pressed="true"]').waitFor();
  await page.locator(".trouble-panel .clear").click();
  await page.locator('[data-trouble="busy"] button[aria-pressed="false"]').waitFor();
  await page.context().close();
});
