// The phone page of the simulator: scanning, payment codes, payment links, pages inside WeChat. Orders come by API v2, which a few lines can sign.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { launch, PATIENCE_MS } from "./browser.js";
import { startSimulator } from "./demo.js";

let simulator;
let browser;

before(async () => {
  [simulator, browser] = await Promise.all([startSimulator(), launch()]);
});

after(async () => {
  await browser.close();
  assert.equal(await simulator.stop(), 0, "Ctrl-C ends the simulator cleanly");
});

const control = async (path) => (await fetch(`${simulator.url}/_control${path}`)).json();

async function merchantCalls(path, fields) {
  const { appid, mchid, api_key: key } = simulator.merchant;
  const all = { appid, mch_id: mchid, nonce_str: "n", ...fields };
  const text = Object.keys(all).sort().map((name) => `${name}=${all[name]}`).join("&");
  const sign = createHash("md5").update(`${text}&key=${key}`).digest("hex").toUpperCase();
  const members = Object.entries({ ...all, sign }).map(([name, value]) => `<${name}><![CDATA[${value}]]></${name}>`);
  const response = await fetch(simulator.url + path, { method: "POST", body: `<xml>${members.join("")}</xml>` });
  const answer = await response.text();
  return (name) => new RegExp(`<${name}>(?:<!\\[CDATA\\[)?([^\\]<]*)`).exec(answer)?.[1] ?? assert.fail(`no ${name} in ${answer}`);
}

function order(number, kind, more = {}) {
  const scene = JSON.stringify({ h5_info: { type: "Wap", wap_url: "https://a.example", wap_name: "tea" } });
  const fields = { body: "龙井茶", out_trade_no: number, total_fee: "1990", spbill_create_ip: "203.0.113.9", notify_url: "http://127.0.0.1:9/n", trade_type: kind, product_id: "1" };
  return merchantCalls("/pay/unifiedorder", kind === "MWEB" ? { ...fields, scene_info: scene, ...more } : { ...fields, ...more });
}

async function openPhone(query = "lang=en", { width = 1280 } = {}) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, reducedMotion: "reduce" });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(`${simulator.url}/_phone/?${query}`);
  return { page, complaints };
}

const pay = async (page) => {
  await page.locator("#cashier .primary").click();
  await page.locator("#done").waitFor();
};

test("a QR code is scanned, a password mistyped, and it is paid", async () => {
  const codeUrl = (await order("NATIVE-00001", "NATIVE"))("code_url");
  const { page, complaints } = await openPhone();
  await page.locator('[data-screen="scan"]').click();
  await page.locator("#links-url").fill(codeUrl);
  await page.locator("#links-go").click();
  await page.locator('#cashier [data-action="wrong_password"]').click();
  await page.waitForFunction(() => document.getElementById("told").textContent !== "");
  assert.equal((await control("/orders/NATIVE-00001")).trade_state, "NOTPAY");
  await pay(page);
  assert.match(await page.locator("#done-amount").textContent(), /19\.90/);
  assert.equal((await control("/orders/NATIVE-00001")).trade_state, "SUCCESS");
  assert.deepEqual(complaints, []);
  await page.context().close();
});

for (const [answer, state] of [["primary", "SUCCESS"], ["quiet", "PAYERROR"]]) {
  test(`the owner of a payment code is asked for the password: ${state}`, async () => {
    const { page, complaints } = await openPhone();
    await page.locator('[data-screen="code"]').click();
    await page.locator("#story").selectOption("hesitates");
    await page.waitForFunction(async () => {
      const digits = document.getElementById("digits").textContent.replaceAll(" ", "");
      if (digits.length !== 18) return false;
      return (await (await fetch(`../_control/payment-codes/${digits}`)).json()).story === "hesitates";
    });
    const digits = (await page.locator("#digits").textContent()).replaceAll(" ", "");
    assert.match(digits, /^1[0-5]\d{16}$/);
    const charged = await merchantCalls("/pay/micropay", { body: "面包", out_trade_no: `TILL-${state}`, total_fee: "880", spbill_create_ip: "192.0.2.1", auth_code: digits });
    assert.equal(charged("err_code"), "USERPAYING");
    await page.locator(`#used .${answer}`).click();
    await page.waitForFunction((paid) => !document.getElementById(paid ? "done" : "used").hidden, state === "SUCCESS");
    assert.equal((await control(`/orders/TILL-${state}`)).trade_state, state);
    assert.deepEqual(complaints, []);
    await page.context().close();
  });
}

test("a payment link opens the cashier and leads back to the shop", async () => {
  const link = (await order("MWEB-000001", "MWEB"))("mweb_url");
  const back = `${simulator.url}/_control/users`;
  const { page } = await openPhone();
  await page.goto(`${link}&redirect_url=${encodeURIComponent(back)}`);
  await pay(page);
  await page.locator("#done-close").click();
  await page.waitForURL(back);
  assert.equal((await control("/orders/MWEB-000001")).trade_state, "SUCCESS");
  await page.goto(link);
  await page.waitForFunction(() => document.getElementById("links-told").textContent !== "");
  await page.context().close();
});

test("orders of programs and apps wait on the phone of their payer", async () => {
  const { openid, mobile_app: app } = simulator.merchant;
  await order("JSAPI-00001", "JSAPI", { openid });
  await order("APP-0000001", "APP", { appid: app.appid });
  const { page } = await openPhone();
  for (const number of ["JSAPI-00001", "APP-0000001"]) {
    await page.locator("#open button", { hasText: number }).click();
    await pay(page);
    await page.locator("#done-close").click();
    assert.equal((await control(`/orders/${number}`)).trade_state, "SUCCESS");
  }
  await page.context().close();
});

test("a page inside WeChat learns whose phone it is", async () => {
  const { appid } = simulator.merchant.official_account;
  const back = `${simulator.url}/_control/users`;
  const { page } = await openPhone("lang=en&user=visitor");
  await page.locator('[data-screen="page"]').click();
  const authorize = `https://open.weixin.qq.com/connect/oauth2/authorize?appid=${appid}&redirect_uri=${encodeURIComponent(back)}&response_type=code&scope=snsapi_base&state=7#wechat_redirect`;
  await page.locator("#links-url").fill(authorize);
  await page.locator("#links-go").click();
  await page.waitForURL(/\/_control\/users\?code=0\w+&state=7/);
  const users = await control("/users");
  assert.ok(users.some((user) => user.user === "visitor" && user.appid === appid));
  await page.context().close();
});

test("it speaks two languages and fits two widths", async () => {
  for (const width of [390, 1280]) {
    for (const [lang, title] of [["en", "Simulated phone"], ["zh", "模拟手机"]]) {
      const { page, complaints } = await openPhone(`lang=${lang}&screen=code`, { width });
      assert.equal(await page.title(), title);
      await page.waitForFunction(() => document.getElementById("digits").textContent.length > 18);
      const fits = await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
      assert.ok(fits, `${width} ${lang} does not scroll sideways`);
      assert.deepEqual(complaints, []);
      await page.context().close();
    }
  }
  const { words } = await import("../../crates/wechat-simulator/src/http/phone/words.js");
  assert.deepEqual(Object.keys(words.zh).sort(), Object.keys(words.en).sort());
});

test("the bars of a payment code are Code 128, set C", async () => {
  const { widths } = await import("../../crates/wechat-simulator/src/http/phone/barcode.js");
  // Start C, 13, 45, check digit (105 + 13 + 2 * 45) % 103 = 2, stop.
  assert.equal(widths("1345"), "211232" + "122132" + "113123" + "222221" + "2331112");
  for (const digits of ["134567890123456789", "100000000000000000"]) {
    const all = widths(digits);
    assert.equal(all.length, 6 * 11 + 7);
    assert.equal([...all].reduce((sum, width) => sum + Number(width), 0), 11 * 11 + 13);
  }
});
