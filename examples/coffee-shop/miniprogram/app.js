'use strict';

const { createShouyin } = require('shouyin-miniprogram');
const config = require('./config');
const { createShop } = require('./shop');
const { simulated, chooseOnSheet } = require('./simulator');
const { texts, language, switchLanguage } = require('./texts');

App({
  /** @type {any} see createShop */
  shop: undefined,

  onLaunch() {
    const { appid, shouyinUrl, shopUrl, simulatorUrl } = config;
    const host = simulatorUrl ? simulated(wx, { url: simulatorUrl, appid, choose: chooseOnSheet(wx) }) : wx;
    const shouyin = createShouyin({ baseUrl: shouyinUrl, appid, wx: host });
    this.shop = createShop({ wx: host, shouyin, shopUrl });
  },

  onShow() {
    this.shop.resume().catch((error) => console.error('Cannot resume payments:', error));
  },

  language: () => language(wx),
  texts: () => texts[language(wx)],
  switchLanguage: () => switchLanguage(wx),
});
