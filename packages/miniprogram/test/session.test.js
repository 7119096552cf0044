'use strict';

const assert = require('node:assert/strict');
const { mock, test } = require('node:test');
const { createShouyin, isShouyinError } = require('../src/index.js');
const { createPhone } = require('./support/phone.js');

test('many_calls_at_the_start_are_one_login', async () => {
  const phone = createPhone();
  const { login, getPayment, confirm } = phone.shouyin;
  await phone.run(Promise.all([login(), login(), getPayment('pay_1'), confirm('pay_1')]));
  assert.equal(phone.wx.calls.login, 1);
  assert.equal(phone.server.count('login'), 1);
});

test('the_session_survives_the_app', async () => {
  const phone = createPhone();
  await phone.run(phone.shouyin.login());
  const next = phone.killed();
  await next.run(next.shouyin.getPayment('pay_1'));
  assert.equal(next.wx.calls.login, 0);
});

test('a_session_is_never_sent_to_another_server', async () => {
  const phone = createPhone();
  await phone.run(phone.shouyin.login());
  const moved = createPhone({ storage: phone.storage, options: { baseUrl: 'https://pay.example.net' } });
  await moved.run(moved.shouyin.login());
  assert.equal(moved.wx.calls.login, 1);
});

test('an_ended_session_is_renewed_once_and_the_request_sent_again', async () => {
  const phone = createPhone();
  await phone.run(phone.shouyin.login());
  phone.server.forgetSessions();
  await phone.run(Promise.all([phone.shouyin.getPayment('pay_1'), phone.shouyin.confirm('pay_1')]));
  assert.equal(phone.wx.calls.login, 2);
  assert.equal(phone.server.count('view'), 2);
});

test('a_late_refusal_of_the_old_session_does_not_end_the_new_one', async () => {
  const phone = createPhone();
  await phone.run(phone.shouyin.login());
  phone.server.forgetSessions();
  phone.server.fault('confirm', { slowMs: 5000 });
  await phone.run(Promise.all([phone.shouyin.getPayment('pay_1'), phone.shouyin.confirm('pay_1')]));
  assert.equal(phone.wx.calls.login, 2);
});

test('a_session_that_ends_in_the_cashier_does_not_lose_the_payment', async () => {
  const phone = createPhone();
  phone.cashier({ errMsg: 'requestPayment:ok', moves: true });
  const paying = phone.shouyin.pay('pay_1');
  await phone.clock.advance(1000);
  phone.server.forgetSessions();
  assert.equal((await phone.run(paying)).state, 'paid');
});

test('a_server_that_refuses_every_session_is_an_error_after_one_new_login', async () => {
  const phone = createPhone();
  phone.server.fault('view', { status: 401, code: 'session_invalid' }, { status: 401, code: 'session_invalid' });
  await assert.rejects(phone.run(phone.shouyin.getPayment('pay_1')), { code: 'session_invalid', status: 401 });
  assert.equal(phone.wx.calls.login, 2);
});

test('logout_means_a_new_login', async () => {
  const phone = createPhone();
  await phone.run(phone.shouyin.login());
  phone.shouyin.logout();
  await phone.run(phone.shouyin.login());
  assert.equal(phone.wx.calls.login, 2);
});

test('a_login_that_does_not_work_is_told_and_may_be_tried_again', async () => {
  for (const [behaviour, code] of [['fail', 'login_failed'], ['no_code', 'login_code_missing'], ['silent', 'login_failed']]) {
    const phone = createPhone();
    phone.wx.behaviour.login = behaviour;
    await assert.rejects(phone.run(phone.shouyin.login()), { code, retryable: true });
    assert.equal(phone.server.count('login'), 0);
    phone.wx.behaviour.login = 'ok';
    await phone.run(phone.shouyin.login());
  }
});

test('a_payment_without_login_is_unknown', async () => {
  const phone = createPhone();
  phone.wx.behaviour.login = 'no_code';
  const expected = { state: 'unknown', paymentId: 'pay_1', reason: 'login_code_missing' };
  assert.deepEqual(await phone.run(phone.shouyin.pay('pay_1')), expected);
});

test('a_wrong_appid_is_an_error_with_the_servers_words', async () => {
  const phone = createPhone();
  phone.server.fault('login', { status: 422, code: 'app_unknown' });
  await assert.rejects(phone.run(phone.shouyin.pay('pay_1')), { code: 'app_unknown', status: 422 });
});

test('a_request_that_never_calls_back_is_given_up', async () => {
  const phone = createPhone();
  phone.server.fault('login', { silent: true }, { silent: true }, { silent: true });
  await assert.rejects(phone.run(phone.shouyin.login()), { code: 'timeout', retryable: true });
});

test('a_login_answer_without_a_token_is_an_error', async () => {
  const phone = createPhone();
  phone.server.fault('login', { answer: { status: 200, data: {} } });
  await assert.rejects(phone.run(phone.shouyin.login()), { code: 'invalid_answer' });
});

test('a_phone_without_storage_can_pay', async () => {
  const warned = mock.method(console, 'warn', () => undefined);
  const phone = createPhone();
  phone.wx.behaviour.storage = 'full';
  phone.cashier({ errMsg: 'requestPayment:ok', moves: true });
  assert.equal((await phone.run(phone.shouyin.pay('pay_1'))).state, 'paid');
  assert.equal(phone.wx.calls.login, 1);
  assert.ok(warned.mock.callCount() > 0, 'and the developer is told');
  warned.mock.restore();
});

test('nothing_but_json_and_the_session_is_sent', async () => {
  const phone = createPhone();
  await phone.run(phone.shouyin.pay('pay_1'));
  for (const { route, header } of phone.server.log) {
    const names = ['accept', 'content-type'].concat(route === 'login' ? [] : 'authorization');
    assert.deepEqual(Object.keys(header).sort(), names.sort());
  }
});

test('wrong_options_are_refused_at_the_start', () => {
  const wx = {};
  const refused = [undefined, {}, { baseUrl: 'pay.example.com', appid: 'wx1', wx }, { baseUrl: 'https://a.cn', wx }, { baseUrl: 'https://a.cn', appid: 'wx1' }];
  for (const options of refused) {
    assert.throws(() => createShouyin(options), (error) => isShouyinError(error) && error.code === 'invalid_argument');
  }
  assert.equal(isShouyinError(new Error('other')), false);
});
