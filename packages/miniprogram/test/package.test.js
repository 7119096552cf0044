'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { test } = require('node:test');
const zlib = require('node:zlib');
const { createPhone } = require('./support/phone.js');

const SRC = path.join(__dirname, '../src');
const sources = fs.readdirSync(SRC).filter((name) => name.endsWith('.js'));

test('the package is at most 10 KB gzip', () => {
  const each = sources.map((name) => zlib.gzipSync(fs.readFileSync(path.join(SRC, name))).length);
  const total = each.reduce((sum, size) => sum + size, 0);
  assert.ok(each.length > 5 && total > 1000, 'measured something');
  assert.ok(total <= 10 * 1024, total + ' bytes');
});

test('the package has no dependencies and sends no price and no openid', () => {
  assert.equal(require('../package.json').dependencies, undefined);
  for (const name of sources) {
    const text = fs.readFileSync(path.join(SRC, name), 'utf8').replace(/^\s*(\/\*\*|\*|\/\/).*$/gm, '');
    assert.doesNotMatch(text, /openid|amount|price|PATCH|api\.weixin/i, name);
    assert.doesNotMatch(text, /require\('[^.]/, name + ' requires only its neighbours');
  }
});

test('a browser loads the same files', async () => {
  // Node reads a file below { "type": "module" } as a browser reads a module script: own scope, no require, no module.
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'shouyin-browser-'));
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  for (const name of sources) fs.copyFileSync(path.join(SRC, name), path.join(folder, name));

  const { loadShouyin, PACKAGE_FILES } = await import('../browser/load.js');
  assert.deepEqual([...PACKAGE_FILES].sort(), sources.map((name) => name.slice(0, -3)).sort());
  const [loaded, again] = await Promise.all([loadShouyin(pathToFileURL(folder)), loadShouyin(pathToFileURL(folder))]);
  assert.equal(loaded, again);
  assert.equal(typeof globalThis.module, 'undefined', 'no global is left behind');

  const { clock, wx, server } = createPhone();
  const shouyin = loaded.createShouyin({ baseUrl: 'https://pay.example.com', appid: 'wx8888888888888888', wx, clock });
  server.payments.get('pay_1').moneyMoved = true;
  assert.equal((await clock.run(shouyin.pay('pay_1'))).state, 'paid');
  fs.rmSync(folder, { recursive: true });
});

test('files in the wrong order are named', async () => {
  const { loadCommonJs } = await import('../browser/load.js');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'shouyin-browser-'));
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  fs.writeFileSync(path.join(folder, 'a.js'), "module.exports = require('./b');");
  await assert.rejects(loadCommonJs([pathToFileURL(path.join(folder, 'a.js'))]), /requires .*b\.js, which is not loaded yet/);
  fs.rmSync(folder, { recursive: true });
});

test('the browser has the manners of wx.request', async () => {
  const { createBrowserWx } = await import('../browser/wx.js');
  const kept = new Map();
  const storage = { getItem: (key) => (kept.has(key) ? kept.get(key) : null), setItem: (key, text) => kept.set(key, text) };
  const answers = { '/json': ['{"a":1}', 200], '/problem': ['{"code":"payment_closed"}', 409], '/html': ['<html>', 502] };
  const sent = [];
  const fetch = async (url, options) => {
    sent.push({ url, ...options });
    if (url === '/down') throw new TypeError('Failed to fetch');
    if (url === '/hangs') return new Promise((_, reject) => options.signal.addEventListener('abort', () => reject(new Error('aborted'))));
    return new Response(...[answers[url][0], { status: answers[url][1] }]);
  };
  const wx = createBrowserWx({ fetch, storage });
  const ask = (url, more) =>
    new Promise((resolve) => wx.request({ url, method: 'POST', data: { b: 2 }, header: { x: 'y' }, success: resolve, fail: resolve, ...more }));

  assert.deepEqual([(await ask('/json')).statusCode, (await ask('/json')).data], [200, { a: 1 }]);
  assert.deepEqual([(await ask('/problem')).statusCode, (await ask('/problem')).data], [409, { code: 'payment_closed' }]);
  assert.equal((await ask('/html')).data, '<html>');
  assert.match((await ask('/down')).errMsg, /^request:fail Failed/);
  assert.equal((await ask('/hangs', { timeout: 1 })).errMsg, 'request:fail timeout');
  assert.deepEqual([sent[0].body, sent[0].headers, sent[0].credentials], ['{"b":2}', { x: 'y' }, 'omit']);

  assert.equal(wx.getStorageSync('none'), '');
  wx.setStorageSync('ids', ['pay_1']);
  assert.deepEqual(wx.getStorageSync('ids'), ['pay_1']);
});
