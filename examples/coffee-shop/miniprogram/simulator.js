'use strict';

// Development only: login and cashier from wechat-simulator instead of the real WeChat. Everything else is `wx` itself.
// Nothing is trusted because of this file: the server believes the simulator's signatures or nobody's.

/**
 * @param {any} wx needs `request`, `getStorageSync`, `setStorageSync`
 * @param {object} given
 * @param {string} given.url address of the simulator
 * @param {string} given.appid
 * @param {string} [given.user] who holds the phone
 * @param {(order: any) => Promise<'pay' | 'cancel' | 'wrong_password' | 'not_enough_money' | 'pay_without_callback'>} given.choose
 *   what the buyer does; `order` is { prepay_id, description, amount_fen, merchant_name, out_trade_no }. Asked again while
 *   the cashier stays open (a wrong password is not a result).
 */
function simulated(wx, { url, appid, user = 'buyer', choose }) {
  const control = (path, body) =>
    new Promise((resolve, reject) =>
      wx.request({
        url: url + '/_control' + path,
        method: 'POST',
        data: body,
        header: { 'content-type': 'application/json' },
        success: ({ statusCode, data }) => {
          if (statusCode < 300) resolve(data);
          else reject(data && data.errMsg ? data : { errMsg: 'fail simulator answered ' + statusCode + ' ' + JSON.stringify(data) });
        },
        fail: reject,
      })
    );

  async function cashier(parameters) {
    const order = await control('/cashier/open', Object.assign({ appid, user }, parameters));
    for (;;) {
      const action = await choose(order);
      const silent = action === 'pay_without_callback';
      const answer = await control('/cashier/pay', { prepay_id: order.prepay_id, user, action: silent ? 'pay' : action });
      if (silent) return new Promise(() => undefined);
      if (answer.errMsg === 'requestPayment:ok') return answer;
      if (answer.errMsg) throw answer;
    }
  }

  return {
    request: (options) => wx.request(options),
    getStorageSync: (key) => wx.getStorageSync(key),
    setStorageSync: (key, value) => wx.setStorageSync(key, value),
    login(options) {
      const code = control('/login-codes', { appid, user }).then((answer) => ({ code: answer.code, errMsg: 'login:ok' }));
      report('login', options, code);
    },
    requestPayment(options) {
      const { timeStamp, nonceStr, signType, paySign } = options;
      report('requestPayment', options, cashier({ timeStamp, nonceStr, package: options.package, signType, paySign }));
    },
  };
}

function report(name, options, promise) {
  const tell = (callback, result) => {
    if (options[callback]) options[callback](result);
    if (options.complete) options.complete(result);
  };
  promise.then(
    (result) => tell('success', result),
    (error) => tell('fail', { errMsg: prefixed(name, String((error && (error.errMsg || error.message)) || 'fail')) })
  );
}

function prefixed(name, errMsg) {
  return errMsg.indexOf(name + ':') === 0 ? errMsg : name + ':fail ' + errMsg;
}

/** The cashier in the developer tools: a sheet with what a buyer can do. */
function chooseOnSheet(wx) {
  const actions = ['pay', 'wrong_password', 'not_enough_money', 'pay_without_callback'];
  return (order) =>
    new Promise((resolve) =>
      wx.showActionSheet({
        alertText: order.merchant_name + ' · ' + order.description + ' · ' + order.amount_fen + ' fen',
        itemList: ['支付 Pay', '密码错误 Wrong password', '余额不足 Not enough money', '支付但无回调 Pay, callback lost'],
        success: ({ tapIndex }) => resolve(actions[tapIndex]),
        fail: () => resolve('cancel'),
      })
    );
}

module.exports = { simulated, chooseOnSheet };
