// Compiled, never run: how a typed mini program uses the package, and that the real `wx` fits.
import { createShouyin, isShouyinError, PayResult, Shouyin, Wx } from 'shouyin-miniprogram';

const real: Wx = wx;
const shouyin: Shouyin = createShouyin({
  baseUrl: 'https://pay.example.com',
  appid: 'wx8888888888888888',
  wx: real,
  storage: { prefix: 'shop' },
  timeouts: { requestMs: 8000 },
});

App({
  onShow() {
    shouyin.confirmPending().then((results) => results.filter(({ state }) => state === 'paid'));
  },
});

Page({
  data: { text: '' },
  async onPayTap() {
    try {
      const result = await shouyin.pay('pay_1', { onStage: (stage) => this.setData({ text: stage }) });
      this.setData({ text: textOf(result) });
    } catch (error) {
      if (!isShouyinError(error)) throw error;
      this.setData({ text: error.code + error.detail + error.status.toFixed() });
    }
  },
});

function textOf(result: PayResult): string {
  switch (result.state) {
    case 'paid':
      return 'paid';
    case 'cancelled':
      return 'cancelled';
    case 'failed':
      return result.reason || 'failed';
    case 'unknown':
      return 'confirming';
    default: {
      // A new state must not be forgotten here.
      const never: never = result.state;
      return never;
    }
  }
}

// @ts-expect-error baseUrl is needed
createShouyin({ appid: 'wx8888888888888888' });
// @ts-expect-error a payment is named, never priced
shouyin.pay({ amount_fen: 1 });
// @ts-expect-error there is no "success" that means paid
shouyin.pay('pay_1').then(({ state }) => state === 'success');
