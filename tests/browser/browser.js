// One Chromium for a test file, and a page that behaves like a buyer.

import { existsSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { chromium } from "playwright-core";

/** How long anything may take to become true on the page. A bound for a hung test, not a claim about speed. */
export const PATIENCE_MS = 20_000;

const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export function launch() {
  return chromium.launch({ executablePath: chromiumPath(), headless: true, args: QUIET });
}

function chromiumPath() {
  const named = [process.env.CHROMIUM, "/usr/bin/chromium"].find((path) => path && existsSync(path));
  if (named) return named;
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    try {
      return execFileSync("which", [name], { encoding: "utf8" }).trim();
    } catch {
      // Not under this name; the next one, or the error below.
    }
  }
  throw new Error("no Chromium: install it, or set CHROMIUM to its path");
}

/** Opens the demo as a fresh buyer (own storage). `complaints` collects what the browser's console says is wrong. */
export async function openDemo(browser, url, { lang = "en", width = 1280, height = 900, ...more } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, reducedMotion: "reduce", ...more });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.stack ?? String(error)));
  await page.goto(`${url}?lang=${lang}`);
  await page.locator(".buy").first().waitFor();
  return { page, complaints, buyer: createBuyer(page), timeline: createTimeline(page, url) };
}

/** What a person does with the phone. */
function createBuyer(page) {
  return {
    order: async (item = "latte") => {
      await page.locator(`.buy[data-item="${item}"]`).click();
      await page.locator('[data-do="pay"]').waitFor();
    },
    openCashier: async () => {
      await page.locator('[data-do="pay"]').click();
      await page.locator(".cashier").waitFor();
    },
    inCashier: (action) => page.locator(`.cashier [data-action="${action}"]`).click(),
    sees: (outcome) => page.locator(`[data-outcome="${outcome}"]`).waitFor(),
    async buy(item) {
      await this.order(item);
      await this.openCashier();
      await this.inCashier("pay");
      await this.sees("paid");
    },
    trouble: async (name) => {
      const button = page.locator(`[data-trouble="${name}"] button[aria-pressed]`);
      await button.click();
      await page.locator(`[data-trouble="${name}"] button[aria-pressed="true"]`).waitFor();
    },
  };
}

/** The messages so far, from the server; tests ask it rather than the cards, and check the cards separately. */
function createTimeline(page, url) {
  const entries = async (after = 0) => {
    const response = await page.request.get(`${url}demo/timeline?after=${after}`);
    return (await response.json()).entries;
  };
  const start = entries().then((before) => before.at(-1)?.seq ?? 0);
  const mine = async () => ofOwnPayments(await entries(await start));
  return {
    entries: mine,
    /** Waits until `holds(entries)`; fails with what the timeline said instead. */
    async until(what, holds) {
      const end = Date.now() + PATIENCE_MS;
      for (;;) {
        const now = await mine();
        if (holds(now)) return now;
        if (Date.now() > end) throw new Error(`not seen: ${what}\n${now.map(line).join("\n")}`);
        await page.waitForTimeout(100);
      }
    },
  };
}

// Tests share one server, and an earlier one's notification may come late (WeChat repeats it after 15 s):
// what belongs to a payment that was not ordered since this page opened is left out.
function ofOwnPayments(entries) {
  const payments = new Set(entries.filter((entry) => entry.kind === "order").map((entry) => entry.payment_id));
  const numbers = new Set(entries.filter((entry) => payments.has(entry.payment_id)).map((entry) => entry.out_trade_no));
  return entries.filter((entry) => {
    if (entry.payment_id !== undefined) return payments.has(entry.payment_id);
    return entry.out_trade_no === undefined || numbers.has(entry.out_trade_no);
  });
}

const line = (entry) => `${entry.seq} ${entry.from}->${entry.to} ${entry.kind} ${entry.ok === false ? "NOT OK" : "ok"} ${entry.title?.en}`;
