'use strict';

// The shop without its pages: what to order, what was ordered, what became of it. `wx` and `shouyin` are given, so the
// same file runs in the mini program, in Node tests and in a browser.

const ORDERS_KEY = 'coffee-shop:orders';
const ORDERS_LIMIT = 50;
const TIMEOUT_MS = 10000;

/**
 * @param {object} given
 * @param {any} given.wx WeChat's wx, or a double
 * @param {any} given.shouyin from createShouyin
 * @param {string} given.shopUrl address of the shop's backend
 * @param {() => number} [given.now] milliseconds
 * @param {() => number} [given.random] 0 <= x < 1
 */
function createShop({ wx, shouyin, shopUrl, now = Date.now, random = Math.random }) {
  const checkouts = {};
  const placing = {};

  function orders() {
    const stored = wx.getStorageSync(ORDERS_KEY);
    return Array.isArray(stored) ? stored : [];
  }

  /** Keeps only what the server has said for certain; everything else stays open and is asked for again. */
  function settle(paymentId, state) {
    if (state !== 'paid' && state !== 'closed') return;
    wx.setStorageSync(
      ORDERS_KEY,
      orders().map((order) => (order.payment_id === paymentId ? Object.assign({}, order, { state }) : order))
    );
  }

  async function place(choice, key) {
    // One id per checkout: a tap after a lost answer repeats the order instead of making a second one.
    checkouts[key] = checkouts[key] || [now().toString(36), digits(random), digits(random)].join('-');
    const answer = await ask('POST', '/orders', Object.assign({ checkout_id: checkouts[key] }, sent(choice)));
    delete checkouts[key];
    const order = {
      payment_id: answer.payment_id,
      order_no: answer.order_no,
      amount_fen: answer.amount_fen,
      name: choice.name,
      created_at: now(),
      state: 'open',
    };
    wx.setStorageSync(ORDERS_KEY, [order].concat(orders()).slice(0, ORDERS_LIMIT));
    return order;
  }

  function ask(method, path, body) {
    return new Promise((resolve, reject) =>
      wx.request({
        url: shopUrl + path,
        method,
        data: body,
        header: { 'content-type': 'application/json' },
        timeout: TIMEOUT_MS,
        success: ({ statusCode, data }) => {
          if (statusCode >= 200 && statusCode < 300 && data) resolve(data);
          else reject(new Error('The shop answered ' + statusCode + ' ' + JSON.stringify(data)));
        },
        fail: ({ errMsg }) => reject(new Error('The shop did not answer: ' + errMsg)),
      })
    );
  }

  return {
    orders,

    /** The menu with its prices, from the shop's backend. */
    menu: () => ask('GET', '/menu'),

    /**
     * Orders one item: `{ item, size?, name }`, where `name` is only kept for the list of orders. A double tap is one order.
     */
    placeOrder(choice) {
      const key = choice.item + '/' + (choice.size || '');
      if (!placing[key]) {
        const done = () => {
          delete placing[key];
        };
        placing[key] = place(choice, key);
        placing[key].then(done, done);
      }
      return placing[key];
    },

    /** The payment as the server shows it; the amount on the screen comes from here. */
    async view(paymentId) {
      const payment = await shouyin.getPayment(paymentId);
      settle(paymentId, payment.state);
      return payment;
    },

    /** Opens the cashier; see PayResult of shouyin-miniprogram. */
    async pay(paymentId, onStage) {
      const result = await shouyin.pay(paymentId, { onStage });
      settle(paymentId, result.reason === 'payment_closed' ? 'closed' : result.state);
      return result;
    },

    async check(paymentId) {
      const result = await shouyin.confirm(paymentId);
      settle(paymentId, result.state);
      return result;
    },

    /** In App.onShow: what became of the payments this phone did not see the end of. */
    async resume() {
      const results = await shouyin.confirmPending();
      for (const { paymentId, state } of results) settle(paymentId, state);
      return results;
    },

    /** Asks for every order that is not final, one after the other, and gives the list. */
    async refresh() {
      for (const order of orders().filter(({ state }) => state === 'open')) {
        try {
          settle(order.payment_id, (await shouyin.confirm(order.payment_id)).state);
        } catch (error) {
          // One order the server refuses must not hide the news about the others; it stays as it is.
          console.error('Cannot ask about order ' + order.order_no + ':', error);
        }
      }
      return orders();
    },
  };
}

function sent(choice) {
  return choice.size ? { item: choice.item, size: choice.size } : { item: choice.item };
}

function digits(random) {
  return random().toString(36).slice(2);
}

/** Integer fen as yuan, for the eye only: 3290 -> "¥32.90". */
function priceText(fen) {
  const cents = fen % 100;
  return '¥' + (fen - cents) / 100 + '.' + (cents < 10 ? '0' : '') + cents;
}

module.exports = { createShop, priceText };
