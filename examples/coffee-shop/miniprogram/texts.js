'use strict';

const zh = {
  language: 'EN',
  order: '下单',
  ordering: '正在下单…',
  menuFailed: '菜单没有加载出来，请检查网络。',
  orderFailed: '下单没有成功，请再试一次。',
  retry: '重试',
  amount: '应付金额',
  pay: '微信支付',
  payAgain: '继续支付',
  check: '再查一次',
  toOrders: '查看订单',
  noOrders: '还没有订单，先来一杯咖啡吧。',
  loading: '正在加载…',
  ready: '请核对金额后支付',
  preparing: '正在准备支付…',
  cashier: '请在收银台完成支付',
  confirming: '正在确认到账…',
  paid: '支付成功',
  cancelled: '支付已取消，可以继续支付',
  failed: '支付没有成功，没有扣款',
  unknown: '支付结果确认中，请勿重复支付',
  error: '订单没有加载出来，请重试',
  payment_closed: '订单已关闭，请重新下单',
  payer_mismatch: '这笔订单属于另一位顾客',
  state_open: '待支付',
  state_paid: '已支付',
  state_closed: '已关闭',
};

const en = {
  language: '中文',
  order: 'Order',
  ordering: 'Ordering…',
  menuFailed: 'The menu did not load. Please check the network.',
  orderFailed: 'The order did not go through. Please try again.',
  retry: 'Try again',
  amount: 'Amount due',
  pay: 'Pay with WeChat',
  payAgain: 'Continue to pay',
  check: 'Check again',
  toOrders: 'See my orders',
  noOrders: 'No orders yet. How about a coffee?',
  loading: 'Loading…',
  ready: 'Please check the amount, then pay',
  preparing: 'Preparing the payment…',
  cashier: 'Please finish in the cashier',
  confirming: 'Confirming the payment…',
  paid: 'Paid',
  cancelled: 'Cancelled. You can continue to pay',
  failed: 'Not paid. No money was taken',
  unknown: 'Still confirming. Please do not pay twice',
  error: 'The order did not load. Please try again',
  payment_closed: 'This order is closed. Please order again',
  payer_mismatch: 'This order belongs to another customer',
  state_open: 'To be paid',
  state_paid: 'Paid',
  state_closed: 'Closed',
};

const LANGUAGE_KEY = 'coffee-shop:language';

/** The buyer's choice, else the phone's language: 'zh' or 'en'. */
function language(wx) {
  const chosen = wx.getStorageSync(LANGUAGE_KEY);
  if (chosen === 'zh' || chosen === 'en') return chosen;
  const phone = wx.getAppBaseInfo ? wx.getAppBaseInfo().language : 'zh_CN';
  return /^zh/.test(phone) ? 'zh' : 'en';
}

function switchLanguage(wx) {
  wx.setStorageSync(LANGUAGE_KEY, language(wx) === 'zh' ? 'en' : 'zh');
}

module.exports = { texts: { zh, en }, language, switchLanguage };
