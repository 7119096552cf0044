// The page itself: evidence, languages, widths, keyboard, and a console without complaints.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { STRINGS } from "../../crates/shouyin/assets/demo/i18n.js";
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

test("both languages have the same strings, with the same blanks and glossary words", () => {
  const { en, zh } = STRINGS;
  assert.deepEqual(Object.keys(zh).sort(), Object.keys(en).sort());
  for (const [key, english] of Object.entries(en)) {
    const blanks = (string) => (string.match(/\{\w+\}/g) ?? []).sort();
    assert.deepEqual(blanks(zh[key]), blanks(english), key);
    for (const string of [english, zh[key]]) {
      for (const [, word] of string.matchAll(/\[\[([^\]|]+)/g)) assert.ok(`glossary.${word}` in en, `${key}: ${word} is explained`);
    }
  }
});

test("an opened message shows which signature was checked with which key, and the decrypted content", async () => {
  const { page, complaints, buyer, timeline } = await openDemo(browser, demo.url);
  await buyer.buy("latte");
  const entries = await timeline.until("a notification", (all) => all.some((entry) => entry.kind === "notification"));
  const { seq, request } = entries.find((entry) => entry.kind === "notification");
  const serial = request.headers.find(([name]) => name.toLowerCase() === "wechatpay-serial")[1];
  const card = page.locator(`#entry-${seq}`);
  await card.locator(".toggle-detail").click();
  assert.ok((await card.locator(".checks").textContent()).includes(serial), "the key's id is named");
  await card.locator(".checks summary").first().click();
  assert.match(await card.locator(".bytes.signed").first().textContent(), /^\d+\\n\n\S+\\n\n/, "timestamp, nonce and body, each with its line end");
  assert.match(await card.locator(".detail").textContent(), /"trade_state": "SUCCESS"/);

  // Readable, and exactly as it came.
  const body = card.locator(".message", { hasText: "Request" }).last().locator(".body");
  await body.getByRole("button", { name: "Exact bytes" }).click();
  assert.equal(await body.locator("pre").textContent(), request.body);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test("no secret reaches the page", async () => {
  const { page, buyer, timeline } = await openDemo(browser, demo.url);
  await buyer.buy("latte");
  const told = JSON.stringify(await timeline.entries());
  assert.doesNotMatch(told, /PRIVATE KEY/);
  assert.doesNotMatch(told, /"session_key\\?":\\?"(?!\*\*\*)/);
  assert.doesNotMatch(told, /Bearer (?!\*\*\*)/);
  assert.doesNotMatch(told, /"session_token\\?":\\?"(?!\*\*\*)/);
  assert.doesNotMatch(told, /[?&]secret=(?!\*)/);
  await page.context().close();
});

test("the language follows the browser, can be switched, and the switch redraws everything", async () => {
  const context = await browser.newContext({ locale: "zh-CN", viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  await page.goto(demo.url);
  await page.locator(".buy").first().waitFor();
  assert.equal(await page.locator("[data-item=latte]").textContent(), "购买");
  await page.locator('[data-language="en"]').click();
  assert.equal(await page.locator("[data-item=latte]").textContent(), "Buy");
  assert.equal(await page.locator("#timeline-panel h2").textContent(), "Live timeline");
  assert.equal(new URL(page.url()).searchParams.get("lang"), "en");
  await context.close();
});

test("a glossary word explains itself on focus", async () => {
  const { page } = await openDemo(browser, demo.url);
  await page.locator('[data-trouble="lost"] .term').first().focus();
  assert.equal(await page.locator("#tip").textContent(), STRINGS.en["glossary.notification"]);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#tip").isVisible(), false);
  await page.context().close();
});

test("a purchase by keyboard alone", async () => {
  const { page, complaints, buyer } = await openDemo(browser, demo.url);
  await page.locator('[data-item="latte"]').focus();
  await page.keyboard.press("Enter");
  await page.locator('[data-do="pay"]').focus();
  await page.keyboard.press("Enter");
  await page.locator(".cashier").waitFor();
  await page.keyboard.press("Escape");
  await buyer.sees("cancelled");
  await page.locator('[data-do="pay"]').focus();
  await page.keyboard.press("Enter");
  await page.locator(".cashier").waitFor();
  await page.keyboard.type("000000");
  await buyer.sees("paid");
  assert.deepEqual(complaints, []);
  await page.context().close();
});

for (const lang of ["en", "zh"]) {
  test(`nothing is wider than a phone of 390 px, ${lang}`, async () => {
    const { page, complaints, buyer } = await openDemo(browser, demo.url, { lang, width: 390, height: 844 });
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.equal(await overflow(), 0, "menu");
    await buyer.buy("latte");
    assert.equal(await overflow(), 0, "outcome");
    await page.locator("#tab-timeline").click();
    for (const kind of ["prepay", "notification"]) {
      await page.locator(`[data-kind="${kind}"] .toggle-detail`).first().focus();
      await page.keyboard.press("Enter");
      await page.locator(`[data-kind="${kind}"] .detail`).first().waitFor();
      assert.equal(await overflow(), 0, `an opened ${kind}`);
    }
    await page.locator("#tab-trouble").click();
    assert.equal(await overflow(), 0, "trouble");
    assert.deepEqual(complaints, []);
    await page.context().close();
  });
}

test("Ctrl-C stops the demo while a page is watching", { skip: process.env.SHOUYIN_BASE_URL !== undefined }, async () => {
  const own = await startDemo();
  const { page } = await openDemo(browser, own.url);
  await page.locator('.timeline[data-connection="live"]').waitFor();
  assert.equal(await own.stop(), 0);
  await page.locator('.timeline[data-connection="offline"]').waitFor();
  await page.context().close();
});

test("the steps lead to their message", async () => {
  const { page, buyer, timeline } = await openDemo(browser, demo.url);
  await buyer.buy("latte");
  const entries = await timeline.until("an event", (all) => all.some((entry) => entry.kind === "event"));
  const { seq } = entries.find((entry) => entry.kind === "event");
  await page.locator('.step[data-step="event"] button').click();
  await page.locator(`#entry-${seq}.open`).waitFor();
  await page.context().close();
});
