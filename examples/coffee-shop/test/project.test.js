'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { problemsOf, filesBelow } = require('./support/check-project.js');
const { texts } = require('../miniprogram/texts.js');

const PROJECT = path.join(__dirname, '..');
const PACKAGES = ['shouyin-miniprogram'];
const files = filesBelow(path.join(PROJECT, 'miniprogram'));
const read = (name) => fs.readFileSync(path.join(PROJECT, name), 'utf8');

test('the mini program has no problem that can be found without WeChat', () => {
  assert.ok(Object.keys(files).length > 15, 'there is something to look at');
  assert.deepEqual(problemsOf(files, PACKAGES), []);
});

/** The real project with one mistake in it, and the sentence that names the mistake. */
function mistake(name, change, expected) {
  test('a mistake is found: ' + name, () => {
    const broken = { ...files };
    change(broken);
    assert.deepEqual(problemsOf(broken, PACKAGES), [expected]);
  });
}

const append = (name, text) => (broken) => void (broken[name] += text);
const replace = (name, from, to) => (broken) => {
  assert.ok(broken[name].includes(from));
  broken[name] = broken[name].replace(from, to);
};

mistake('broken JSON', append('sitemap.json', ','), 'sitemap.json is not JSON');
mistake('page without script', (broken) => delete broken['pages/menu/menu.js'], 'pages/menu/menu.js is missing');
mistake('page without markup', (broken) => delete broken['pages/menu/menu.wxml'], 'pages/menu/menu.wxml is missing');
mistake('missing sitemap', (broken) => delete broken['sitemap.json'], 'sitemap.json is missing');
mistake(
  'handler that does not exist',
  append('pages/orders/orders.wxml', '<view catch:tap="onNothing" />'),
  'pages/orders/orders.wxml calls onNothing, which pages/orders/orders.js does not have'
);
mistake('missing module', append('app.js', "\nrequire('./nothing');"), 'app.js requires ./nothing, which is missing');
mistake('tab that is no page', replace('app.json', '"pagePath": "pages/orders/orders"', '"pagePath": "pages/o"'), 'the tab pages/o is not a page');
mistake('WeChat called directly', append('shop.js', "\n'https://api.weixin.qq.com/sns'"), 'shop.js: api.weixin.qq.com cannot be called from a mini program');
mistake('address without https', append('shop.js', "\n'http://shop.example.com/a'"), 'shop.js: http://shop.example.com/a is not https');
mistake('local address outside the configuration', append('shop.js', "\n'http://localhost:1/'"), 'shop.js: http://localhost:1/ is not https');
mistake('PATCH', append('shop.js', "\n({ method: 'PATCH' })"), 'shop.js: wx.request has no PATCH');
mistake('numeric timeStamp', append('shop.js', '\n({ timeStamp: 1700000000 })'), 'shop.js: timeStamp must be a text');
mistake('private key', append('config.js', '\n// -----BEGIN PRIVATE KEY-----'), 'config.js: a secret has no place in a mini program');
mistake('something like a key', append('config.js', "\n'" + '0a'.repeat(16) + "'"), 'config.js: this looks like a secret');
mistake('openid sent', append('shop.js', '\n({ openid: user })'), 'shop.js: the openid stays on the server');

test('the project files say what the developer tools need', () => {
  const project = JSON.parse(read('project.config.json'));
  assert.equal(project.appid, 'touristappid');
  assert.equal(project.miniprogramRoot, 'miniprogram/');
  assert.equal(JSON.parse(read('package.json')).dependencies['shouyin-miniprogram'], 'file:../../packages/miniprogram');
});

test('every text exists in both languages and every text used exists', () => {
  assert.deepEqual(Object.keys(texts.zh), Object.keys(texts.en));
  const used = Object.entries(files).flatMap(([name, text]) => (/\.(wxml|js)$/.test(name) ? [...text.matchAll(/\bt\.(\w+)/g)] : []));
  assert.ok(used.length > 10);
  for (const [, key] of used) assert.ok(key in texts.zh, key);
  for (const key of ['ready', 'preparing', 'cashier', 'confirming', 'paid', 'cancelled', 'failed', 'unknown']) assert.ok(key in texts.zh, key);
});

test('the menu has whole prices and both languages', () => {
  const menu = JSON.parse(read('menu.json'));
  const amounts = [...menu.items.map(({ price_fen }) => price_fen), ...menu.sizes.map(({ extra_fen }) => extra_fen)];
  for (const amount of amounts) assert.ok(Number.isSafeInteger(amount) && amount >= 0, String(amount));
  for (const { name } of [...menu.items, ...menu.sizes]) assert.deepEqual(Object.keys(name), ['zh', 'en']);
  assert.equal(new Set(menu.items.map(({ id }) => id)).size, menu.items.length);
});
