'use strict';

const { priceText } = require('../../shop');

// What the page shows for what it knows. `confirming` and `unknown` are real states, never dressed up as paid or failed.
const ICONS = {
  loading: '☕', ready: '☕', preparing: '⏳', cashier: '⏳', confirming: '⏳',
  paid: '✅', cancelled: '↩️', failed: '✖️', unknown: '⏳', error: '⚠️',
};
const PAYABLE = ['ready', 'cancelled', 'failed'];

Page({
  data: { t: /** @type {Record<string, string>} */ ({}), phase: 'loading', icon: ICONS.loading, text: '', amount: '', description: '', payable: false, busy: false },

  onLoad(query) {
    this.id = decodeURIComponent(query.payment_id || '');
    this.setData({ t: getApp().texts() });
  },

  /** Also fires when the buyer comes back from the cashier; then `pay` is still at work and will tell. */
  onShow() {
    if (this.data.busy) return undefined;
    return this.data.phase === 'unknown' ? this.onCheckTap() : this.load();
  },

  async load() {
    await this.busy(async () => {
      const payment = await getApp().shop.view(this.id);
      this.setData({ amount: priceText(payment.amount_fen), description: payment.description });
      this.showState(payment.state, this.data.phase === 'cancelled' ? 'cancelled' : 'ready');
    });
  },

  async onPayTap() {
    await this.busy(async () => {
      const result = await getApp().shop.pay(this.id, (stage) => this.show(stage));
      this.show(result.state, result.reason);
    });
  },

  async onCheckTap() {
    if (!this.data.amount) return this.load();
    await this.busy(async () => {
      this.show('confirming');
      const result = await getApp().shop.check(this.id);
      this.showState(result.state, 'ready');
    });
  },

  onOrdersTap() {
    wx.switchTab({ url: '/pages/orders/orders' });
  },

  showState(state, whenOpen) {
    if (state === 'paid') this.show('paid');
    else if (state === 'closed') this.show('failed', 'payment_closed');
    else this.show(state === 'open' ? whenOpen : 'unknown');
  },

  show(phase, reason) {
    const { t } = this.data;
    const final = reason === 'payment_closed' || reason === 'payer_mismatch';
    this.setData({
      phase,
      icon: ICONS[phase],
      text: final ? t[reason] : t[phase],
      payable: PAYABLE.indexOf(phase) >= 0 && !final,
    });
  },

  /** One thing at a time, whatever the buyer taps. */
  async busy(work) {
    if (this.data.busy) return;
    this.setData({ busy: true });
    try {
      await work();
    } catch (error) {
      console.error(error);
      this.show('error');
    } finally {
      this.setData({ busy: false });
    }
  },
});
