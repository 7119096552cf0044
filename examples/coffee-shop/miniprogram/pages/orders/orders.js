'use strict';

const { priceText } = require('../../shop');

Page({
  data: { t: /** @type {Record<string, string>} */ ({}), orders: [] },

  /** First what the phone remembers, then what the server says. */
  async onShow() {
    const { shop } = getApp();
    this.setData({ t: getApp().texts() });
    this.show(shop.orders());
    try {
      this.show(await shop.refresh());
    } catch (error) {
      console.error(error);
    }
  },

  async onPullDownRefresh() {
    await this.onShow();
    wx.stopPullDownRefresh();
  },

  show(orders) {
    const { t } = this.data;
    const language = getApp().language();
    this.setData({
      orders: orders.map((order) => ({
        id: order.payment_id,
        number: order.order_no,
        name: order.name[language],
        price: priceText(order.amount_fen),
        state: order.state,
        text: t['state_' + order.state],
      })),
    });
  },

  onOrderTap(event) {
    wx.navigateTo({ url: '/pages/checkout/checkout?payment_id=' + encodeURIComponent(event.currentTarget.dataset.id) });
  },
});
