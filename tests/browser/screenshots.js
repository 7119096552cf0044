// Takes the pictures of the README: `npm run screenshots` writes docs/images/demo-{en,zh}-{1280,390}.png.

import { mkdir, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { launch, openDemo } from "./browser.js";
import { startDemo } from "./demo.js";

const FOLDER = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const LIMIT_BYTES = 400 * 1024;
const SETTLED_MS = 800;

async function wide(browser, url, lang) {
  const { page, buyer, timeline } = await openDemo(browser, url, { lang, width: 1280, height: 860 });
  await buyer.buy("latte");
  const entries = await timeline.until("a notification", (all) => all.some((entry) => entry.kind === "notification" && entry.ok));
  const { seq } = entries.find((entry) => entry.kind === "notification");
  await page.locator(`#entry-${seq} .toggle-detail`).click();
  // Some of the way to it, and its evidence.
  await page.locator(".scroller").evaluate((scroller, up) => (scroller.scrollTop -= up), 232);
  await page.mouse.move(0, 0);
  return page;
}

async function narrow(browser, url, lang) {
  const { page, buyer } = await openDemo(browser, url, { lang, width: 390, height: 844 });
  await buyer.order("latte");
  await buyer.openCashier();
  await page.keyboard.type("1234");
  return page;
}

const [demo, browser] = await Promise.all([startDemo(), launch()]);
try {
  await mkdir(FOLDER, { recursive: true });
  for (const lang of ["en", "zh"]) {
    for (const [width, draw] of [
      [1280, wide],
      [390, narrow],
    ]) {
      const page = await draw(browser, demo.url, lang);
      await page.waitForTimeout(SETTLED_MS);
      const path = `${FOLDER}demo-${lang}-${width}.png`;
      await page.screenshot({ path });
      const { size } = await stat(path);
      if (size > LIMIT_BYTES) throw new Error(`${path} has ${size} bytes, more than ${LIMIT_BYTES}`);
      console.log(`docs/images/demo-${lang}-${width}.png ${Math.round(size / 1024)} KB`);
      await page.context().close();
    }
  }
} finally {
  await browser.close();
  await demo.stop();
}
