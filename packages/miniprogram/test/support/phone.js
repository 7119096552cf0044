'use strict';

const { createShouyin } = require('../../src/index.js');
const { createClock } = require('./clock.js');
const { createServer } = require('./server.js');
const { createWx } = require('./wx.js');

const BASE_URL = 'https://pay.example.com';

/** One buyer's phone with the package on it, and the server it talks to. */
function createPhone({ storage = {}, server = createServer().addPayment('pay_1'), options = {} } = {}) {
  const clock = createClock();
  const handle = (method, url, header, body) => server.handle(method, url.slice(BASE_URL.length), header, body);
  const wx = createWx({ clock, storage, handle });
  const shouyin = createShouyin({ baseUrl: BASE_URL + '/', appid: 'wx8888888888888888', wx, clock, ...options });
  return {
    clock,
    server,
    wx,
    shouyin,
    storage,
    run: (promise) => clock.run(promise),
    /** The buyer pays (or not) and the cashier reports as told. */
    cashier(happens) {
      const pays = happens.moves ? () => void (server.payments.get('pay_1').moneyMoved = true) : undefined;
      wx.behaviour.cashier = () => ({ ...happens, pays });
    },
    /** The system kills the app; the next phone object has the same storage and the same server. */
    killed() {
      wx.kill();
      clock.kill();
      return createPhone({ storage, server, options });
    },
  };
}

module.exports = { createPhone };
