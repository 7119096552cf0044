'use strict';

// Addresses on the developer's desk. Before release: your own https addresses, your appid (here and in
// project.config.json), and an empty simulatorUrl.
module.exports = {
  appid: 'touristappid',

  /** The Shouyin server. */
  shouyinUrl: 'http://localhost:8080',

  /** The shop's backend: `node backend/server.mjs`, or the one inside `shouyin demo` (its address plus /demo/shop). */
  shopUrl: 'http://localhost:8080/demo/shop',

  /** WeChat on the desk: login and cashier come from wechat-simulator. Empty: the real WeChat. */
  simulatorUrl: 'http://localhost:8090',
};
