import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

const require = createRequire(import.meta.url);
const { simulated, chooseOnSheet } = require('../miniprogram/simulator.js');

const PARAMETERS = { timeStamp: '1700000000', nonceStr: 'n', package: 'prepay_id=wx1', signType: 'RSA', paySign: 's' };
const ORDER = { prepay_id: 'wx1', description: 'Latte', amount_fen: 2800, merchant_name: 'Coffee', out_trade_no: 'A1' };
const ENDS = { pay: 'requestPayment:ok', cancel: 'requestPayment:fail cancel' };

/** A phone whose buyer does `actions`, one after the other; `sent` is what the simulator received. */
function phone(actions = [], open = { statusCode: 200, data: ORDER }) {
  const sent = [];
  const answers = {
    '/_control/login-codes': () => ({ statusCode: 200, data: { code: 'c1', openid: 'o1' } }),
    '/_control/cashier/open': () => open,
    '/_control/cashier/pay': ({ action }) => ({ statusCode: 200, data: { errMsg: ENDS[action], trade_state: 'NOTPAY' } }),
  };
  const host = {
    request({ url, data, success }) {
      sent.push(data);
      setImmediate(() => success(answers[new URL(url).pathname](data)));
    },
    getStorageSync: (key) => 'stored ' + key,
  };
  const wx = simulated(host, { url: 'https://sim.test', appid: 'wx1', user: 'alice', choose: async () => actions.shift() });
  const call = (name, options) => new Promise((resolve) => wx[name]({ ...options, complete: resolve }));
  return { wx, sent, call };
}

test('login gives a code and keeps the openid away from the program', async () => {
  const { call, sent } = phone();
  assert.deepEqual(await call('login', {}), { code: 'c1', errMsg: 'login:ok' });
  assert.deepEqual(sent, [{ appid: 'wx1', user: 'alice' }]);
});

test('the cashier gets exactly the signed fields and reports as WeChat does', async () => {
  const { call, sent } = phone(['pay']);
  assert.equal((await call('requestPayment', PARAMETERS)).errMsg, 'requestPayment:ok');
  assert.deepEqual(sent[0], { appid: 'wx1', user: 'alice', ...PARAMETERS });
  assert.deepEqual(sent[1], { prepay_id: 'wx1', user: 'alice', action: 'pay' });
  assert.equal((await phone(['cancel']).call('requestPayment', PARAMETERS)).errMsg, 'requestPayment:fail cancel');
});

test('a wrong password is not a result', async () => {
  const { call, sent } = phone(['wrong_password', 'not_enough_money', 'pay']);
  assert.equal((await call('requestPayment', PARAMETERS)).errMsg, 'requestPayment:ok');
  assert.deepEqual(sent.slice(1).map(({ action }) => action), ['wrong_password', 'not_enough_money', 'pay']);
});

test('a cashier that does not open fails with its reason', async () => {
  const refused = { statusCode: 400, data: { errMsg: 'requestPayment:fail signature', reason: 'paySign' } };
  assert.equal((await phone([], refused).call('requestPayment', PARAMETERS)).errMsg, 'requestPayment:fail signature');
  const broken = { statusCode: 500, data: 'oops' };
  assert.match((await phone([], broken).call('requestPayment', PARAMETERS)).errMsg, /^requestPayment:fail .*500/);
});

test('a lost callback pays and says nothing', async () => {
  const { call, sent } = phone(['pay_without_callback']);
  let told = false;
  call('requestPayment', PARAMETERS).then(() => (told = true));
  // Each request of the double takes one turn; ten turns are enough for every answer to have come.
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(told, false);
  assert.equal(sent.length, 2);
  assert.equal(sent[1].action, 'pay');
});

test('everything else is the host', () => {
  assert.equal(phone().wx.getStorageSync('a'), 'stored a');
});

test('the sheet offers what a buyer can do and closing it cancels', async () => {
  const sheet = (answer) => chooseOnSheet({ showActionSheet: ({ itemList, success, fail }) => (answer === undefined ? fail({}) : success({ tapIndex: answer, itemList })) });
  assert.equal(await sheet(0)(ORDER), 'pay');
  assert.equal(await sheet(3)(ORDER), 'pay_without_callback');
  assert.equal(await sheet(undefined)(ORDER), 'cancel');
});
