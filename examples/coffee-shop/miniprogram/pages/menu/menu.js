'use strict';

const { priceText } = require('../../shop');

Page({
  data: { t: /** @type {Record<string, string>} */ ({}), sizes: [], size: '', items: [], ordering: '', message: '' },

  onShow() {
    this.setData({ t: getApp().texts() });
    return this.load();
  },

  onPullDownRefresh() {
    return this.load().then(() => wx.stopPullDownRefresh());
  },

  async load() {
    try {
      this.menu = await getApp().shop.menu();
      this.setData({ message: '' });
      this.show(this.data.size || this.menu.sizes[0].id);
    } catch (error) {
      console.error(error);
      this.setData({ message: this.data.t.menuFailed });
    }
  },

  /** Prices for the chosen size, for the eye; what is paid is decided by the shop's backend. */
  show(sizeId) {
    const language = getApp().language();
    const size = this.menu.sizes.find(({ id }) => id === sizeId);
    this.setData({
      size: sizeId,
      sizes: this.menu.sizes.map(({ id, name }) => ({ id, name: name[language] })),
      items: this.menu.items.map((item) => ({
        id: item.id,
        icon: item.icon,
        name: item.name[language],
        note: item.note[language],
        price: priceText(item.price_fen + (item.sized ? size.extra_fen : 0)),
      })),
    });
  },

  onSizeTap(event) {
    this.show(event.currentTarget.dataset.id);
  },

  onLanguageTap() {
    getApp().switchLanguage();
    this.setData({ t: getApp().texts() });
    if (this.menu) this.show(this.data.size);
  },

  async onOrderTap(event) {
    const { id } = event.currentTarget.dataset;
    if (this.data.ordering) return;
    const item = this.menu.items.find((other) => other.id === id);
    const size = item.sized ? this.data.size : undefined;
    this.setData({ ordering: id, message: '' });
    try {
      const order = await getApp().shop.placeOrder({ item: id, size, name: item.name });
      wx.navigateTo({ url: '/pages/checkout/checkout?payment_id=' + encodeURIComponent(order.payment_id) });
    } catch (error) {
      console.error(error);
      this.setData({ message: this.data.t.orderFailed });
    } finally {
      this.setData({ ordering: '' });
    }
  },

  onRetryTap() {
    return this.load();
  },
});
