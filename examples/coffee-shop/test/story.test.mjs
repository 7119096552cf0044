// The whole mini program on a double of WeChat: real pages, real package, real shop backend; only WeChat and the Shouyin
// server are played. Addresses: shop.test -> backend, pay.test -> Shouyin.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { mock, test } from 'node:test';
import { createBackend } from '../backend/server.mjs';

const require = createRequire(import.meta.url);
const { createShouyin } = require('../../../packages/miniprogram/src/index.js');
const { createClock } = require('../../../packages/miniprogram/test/support/clock.js');
const { createServer } = require('../../../packages/miniprogram/test/support/server.js');
const { createWx } = require('../../../packages/miniprogram/test/support/wx.js');
const { start } = require('./support/mini-program.js');
const { priceText } = require('../miniprogram/shop.js');

const menu = JSON.parse(readFileSync(new URL('../menu.json', import.meta.url), 'utf8'));
const SHOP = 'https://shop.test';
const PAY = 'https://pay.test';

function world({ language = 'en', storage = {}, server = createServer() } = {}) {
  const clock = createClock();
  const numbers = new Map();
  const shopFaults = [];
  const fetch = async (_url, { body }) => {
    const { order_no, amount_fen, description } = JSON.parse(body);
    if (!numbers.has(order_no)) {
      numbers.set(order_no, 'pay_' + (numbers.size + 1));
      server.addPayment(numbers.get(order_no), { amount_fen, description });
    }
    return new Response(JSON.stringify({ id: numbers.get(order_no) }), { status: 201 });
  };
  const backend = createBackend({ menu, shouyinUrl: PAY, apiKey: 'k', fetch });
  const wx = createWx({ clock, storage, handle: (method, url, header, body) => server.handle(method, url.slice(PAY.length), header, body) });

  // The shop's backend answers with a promise, which the double's `handle` does not know; so it gets its own road.
  const requestShouyin = wx.request;
  wx.request = (options) => (options.url.startsWith(SHOP) ? requestShop(options) : requestShouyin(options));
  function requestShop({ url, method, data, success, fail }) {
    const fault = shopFaults.shift();
    if (fault === 'never sent') return clock.setTimeout(() => fail({ errMsg: 'request:fail ' }), 50);
    const answer = backend(method, url.slice(SHOP.length), JSON.stringify(data));
    const arrived = ({ status, body }) => (fault === 'answer lost' ? fail({ errMsg: 'request:fail timeout' }) : success({ statusCode: status, data: body }));
    return answer.then((result) => clock.setTimeout(() => arrived(result), 50));
  }

  const visited = [];
  wx.navigateTo = wx.switchTab = ({ url }) => visited.push(url);
  wx.stopPullDownRefresh = () => undefined;
  wx.getAppBaseInfo = () => ({ language });
  const config = { appid: 'wx8888888888888888', shouyinUrl: PAY, shopUrl: SHOP, simulatorUrl: '' };
  const program = start(wx, { config, createShouyin: (options) => createShouyin({ ...options, clock }) });

  return {
    ...program,
    clock,
    server,
    wx,
    visited,
    storage,
    shopFaults,
    numbers,
    run: (promise) => clock.run(Promise.resolve(promise)),
    cashier(errMsg, moves = false) {
      const pays = () => {
        if (moves) for (const payment of server.payments.values()) payment.moneyMoved = true;
      };
      wx.behaviour.cashier = () => ({ errMsg, silent: errMsg === '', pays });
    },
    /** From the menu to the checkout page. */
    async orderOne(id = 'latte') {
      const page = program.open('pages/menu/menu');
      await this.run(page.onShow());
      await this.run(page.onOrderTap(tapOn(id)));
      return this.checkout();
    },
    async checkout() {
      const query = Object.fromEntries(new URL(visited.at(-1), 'https://x').searchParams);
      const page = program.open('pages/checkout/checkout', query);
      await this.run(page.onShow());
      return page;
    },
  };
}

const tapOn = (id) => ({ currentTarget: { dataset: { id } } });

test('a_latte_is_ordered_and_paid', async () => {
  const shop = world();
  shop.cashier('requestPayment:ok', true);
  const page = await shop.orderOne();
  assert.deepEqual([page.data.phase, page.data.amount, page.data.description, page.data.payable], ['ready', '¥28.00', '拿铁 中杯', true]);
  await shop.run(page.onPayTap());
  assert.deepEqual([page.data.phase, page.data.text, page.data.payable], ['paid', 'Paid', false]);

  const orders = shop.open('pages/orders/orders');
  await shop.run(orders.onShow());
  const [{ name, price, text }] = orders.data.orders;
  assert.deepEqual([name, price, text], ['Latte', '¥28.00', 'Paid']);
});

test('the_size_changes_the_price_and_the_language_changes_the_words', async () => {
  const shop = world({ language: 'zh_CN' });
  const page = shop.open('pages/menu/menu');
  await shop.run(page.onShow());
  page.onSizeTap(tapOn('large'));
  assert.deepEqual([page.data.items[0].name, page.data.items[0].price], ['拿铁', '¥32.00']);
  page.onLanguageTap();
  assert.deepEqual([page.data.items[0].name, page.data.t.order], ['Latte', 'Order']);
  await shop.run(page.onOrderTap(tapOn('latte')));
  assert.equal((await shop.checkout()).data.amount, '¥32.00');
});

test('a_cancelled_payment_is_continued', async () => {
  const shop = world();
  shop.cashier('requestPayment:fail cancel');
  const page = await shop.orderOne();
  await shop.run(page.onPayTap());
  assert.deepEqual([page.data.phase, page.data.payable], ['cancelled', true]);
  assert.equal(shop.app.shop.orders()[0].state, 'open', 'and asked for again later');
  shop.cashier('requestPayment:ok', true);
  await shop.run(page.onPayTap());
  assert.equal(page.data.phase, 'paid');
  assert.equal(shop.server.payments.size, 1);
});

test('ok_without_money_is_shown_as_confirming_and_can_be_asked_again', async () => {
  const shop = world();
  shop.cashier('requestPayment:ok');
  const page = await shop.orderOne();
  await shop.run(page.onPayTap());
  assert.deepEqual([page.data.phase, page.data.payable], ['unknown', false]);
  shop.server.payments.get('pay_1').moneyMoved = true;
  await shop.run(page.onShow());
  assert.equal(page.data.phase, 'paid');
});

test('the_page_shows_the_stages_while_paying', async () => {
  const shop = world();
  shop.cashier('requestPayment:ok', true);
  const page = await shop.orderOne();
  const paying = page.onPayTap();
  assert.equal(page.data.phase, 'preparing');
  await shop.clock.advance(1000);
  assert.deepEqual([page.data.phase, page.data.busy], ['cashier', true]);
  page.onShow();
  page.onPayTap();
  page.onCheckTap();
  assert.equal(page.data.phase, 'cashier', 'taps behind the cashier change nothing');
  await shop.run(paying);
  assert.deepEqual([page.data.phase, page.data.busy], ['paid', false]);
  assert.equal(shop.wx.calls.requestPayment.length, 1);
});

test('a_closed_payment_says_so_and_cannot_be_paid', async () => {
  const shop = world();
  const page = await shop.orderOne();
  shop.server.payments.get('pay_1').state = 'closed';
  await shop.run(page.onPayTap());
  assert.deepEqual([page.data.phase, page.data.text, page.data.payable], ['failed', 'This order is closed. Please order again', false]);
  assert.equal(shop.app.shop.orders()[0].state, 'closed');
});

test('an_app_killed_in_the_cashier_finds_its_payment', async () => {
  const shop = world();
  shop.cashier('');
  const page = await shop.orderOne();
  page.onPayTap();
  await shop.clock.advance(1000);
  shop.wx.kill();
  shop.clock.kill();
  shop.server.payments.get('pay_1').moneyMoved = true;

  const next = world({ storage: shop.storage, server: shop.server });
  assert.equal(next.app.shop.orders()[0].state, 'open');
  await next.run(next.app.shop.resume());
  assert.equal(next.app.shop.orders()[0].state, 'paid');
});

test('a_double_tap_on_order_is_one_order', async () => {
  const shop = world();
  const choice = { item: 'latte', size: 'large', name: {} };
  const [first, second] = await shop.run(Promise.all([shop.app.shop.placeOrder(choice), shop.app.shop.placeOrder(choice)]));
  assert.equal(first.payment_id, second.payment_id);
  assert.equal(shop.app.shop.orders().length, 1);
  assert.equal(shop.numbers.size, 1);
});

test('an_order_whose_answer_was_lost_is_the_same_order_next_time_and_a_later_one_is_new', async () => {
  const logged = mock.method(console, 'error', () => undefined);
  const shop = world();
  const page = shop.open('pages/menu/menu');
  await shop.run(page.onShow());
  shop.shopFaults.push('answer lost');
  await shop.run(page.onOrderTap(tapOn('latte')));
  assert.deepEqual([page.data.message, page.data.ordering, shop.visited.length], [page.data.t.orderFailed, '', 0]);
  await shop.run(page.onOrderTap(tapOn('latte')));
  assert.deepEqual([shop.numbers.size, shop.visited.length], [1, 1]);
  await shop.run(page.onOrderTap(tapOn('latte')));
  assert.deepEqual([shop.numbers.size, shop.visited.length], [2, 2]);
  logged.mock.restore();
});

test('without_network_the_menu_says_so_and_can_be_loaded_again', async () => {
  const logged = mock.method(console, 'error', () => undefined);
  const shop = world();
  shop.shopFaults.push('never sent');
  const page = shop.open('pages/menu/menu');
  await shop.run(page.onShow());
  assert.equal(page.data.message, page.data.t.menuFailed);
  await shop.run(page.onRetryTap());
  assert.deepEqual([page.data.message, page.data.items.length], ['', menu.items.length]);
  logged.mock.restore();
});

test('a_checkout_that_does_not_load_can_be_loaded_again', async () => {
  const logged = mock.method(console, 'error', () => undefined);
  const shop = world();
  shop.server.fault('view', ...Array(3).fill({ network: 'request:fail ' }));
  const page = await shop.orderOne();
  assert.deepEqual([page.data.phase, page.data.payable], ['error', false]);
  await shop.run(page.onCheckTap());
  assert.deepEqual([page.data.phase, page.data.amount], ['ready', '¥28.00']);
  logged.mock.restore();
});

test('an_order_the_server_does_not_know_does_not_hide_the_others', async () => {
  const logged = mock.method(console, 'error', () => undefined);
  const shop = world();
  await shop.orderOne('croissant');
  await shop.orderOne('latte');
  shop.server.payments.delete('pay_2');
  shop.server.payments.get('pay_1').moneyMoved = true;
  const orders = shop.open('pages/orders/orders');
  await shop.run(orders.onShow());
  assert.deepEqual(orders.data.orders.map(({ name, state }) => [name, state]), [['Latte', 'open'], ['Croissant', 'paid']]);
  assert.equal(logged.mock.callCount(), 1);
  logged.mock.restore();
});

test('prices_are_shown_to_the_fen', () => {
  const shown = [[0, '¥0.00'], [1, '¥0.01'], [10, '¥0.10'], [1990, '¥19.90'], [3290, '¥32.90'], [1000000000099, '¥10000000000.99']];
  for (const [fen, text] of shown) assert.equal(priceText(fen), text);
});
