'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { createPhone } = require('./support/phone.js');

const OK = { errMsg: 'requestPayment:ok' };
const CANCEL = { errMsg: 'requestPayment:fail cancel' };
const SILENT = { silent: true };

/** One payment with one cashier and some faults; checks the outcome and that no timer is left behind. */
function story(name, { cashier, faults = [], expect, after = () => undefined }) {
  test(name, async () => {
    const phone = createPhone();
    phone.cashier(cashier);
    for (const [route, ...what] of faults) phone.server.fault(route, ...what);
    assert.deepEqual(await phone.run(phone.shouyin.pay('pay_1')), { paymentId: 'pay_1', ...expect });
    await after(phone);
  });
}

const network = (times) => Array(times).fill({ network: 'request:fail ' });
const down = (times, code) => Array(times).fill({ status: 503, code });

story('a_paid_payment_is_paid', {
  cashier: { ...OK, moves: true },
  expect: { state: 'paid' },
  after: ({ server, storage, clock }) => {
    assert.equal(server.count('pay'), 1);
    assert.deepEqual(pendingIn(storage), []);
    assert.equal(clock.waiting(), 0, 'nothing keeps running');
  },
});

story('ok_without_money_is_not_paid', {
  cashier: OK,
  expect: { state: 'unknown', reason: 'not_confirmed' },
  after: ({ server, storage }) => {
    assert.equal(server.count('confirm'), 6, 'asked after 0, 1, 2, 3, 5 and 8 s');
    assert.deepEqual(pendingIn(storage), ['pay_1']);
  },
});

story('money_that_arrives_during_the_questions_is_paid', {
  cashier: { ...OK, moves: true, paysAfterMs: 6000 },
  expect: { state: 'paid' },
});

story('a_cancel_is_cancelled_after_one_question', {
  cashier: CANCEL,
  expect: { state: 'cancelled', errMsg: CANCEL.errMsg },
  after: ({ server }) => assert.equal(server.count('confirm'), 1),
});

story('a_cancel_after_the_money_moved_is_paid', { cashier: { ...CANCEL, moves: true }, expect: { state: 'paid' } });

story('a_cancel_that_cannot_be_checked_is_unknown', {
  cashier: CANCEL,
  faults: [['confirm', ...network(3)]],
  expect: { state: 'unknown', reason: 'network', errMsg: CANCEL.errMsg },
});

story('old_wechat_reports_a_cancel_only_in_complete', {
  cashier: { errMsg: 'requestPayment:cancel', onlyComplete: true },
  expect: { state: 'cancelled', errMsg: 'requestPayment:cancel' },
});

story('a_failure_keeps_what_the_cashier_said', {
  cashier: { errMsg: 'requestPayment:fail no permission' },
  expect: { state: 'failed', reason: 'cashier_failed', errMsg: 'requestPayment:fail no permission' },
});

story('a_failure_after_the_money_moved_is_paid', {
  cashier: { errMsg: 'requestPayment:fail system error', moves: true },
  expect: { state: 'paid' },
});

story('a_refused_question_after_the_cashier_is_unknown_and_not_an_exception', {
  cashier: { ...OK, moves: true },
  faults: [['confirm', { status: 404, code: 'payment_not_found' }]],
  expect: { state: 'unknown', reason: 'payment_not_found' },
});

story('a_lost_callback_is_noticed_within_five_seconds', {
  cashier: { ...SILENT, moves: true, paysAfterMs: 1000 },
  expect: { state: 'paid' },
  after: ({ clock }) => assert.ok(clock.since() <= 1000 + 5000, String(clock.since())),
});

story('a_lost_callback_is_noticed_within_five_seconds_even_after_minutes', {
  cashier: { ...SILENT, moves: true, paysAfterMs: 200_000 },
  expect: { state: 'paid' },
  after: ({ clock }) => assert.ok(clock.since() <= 200_000 + 5000, String(clock.since())),
});

story('a_cashier_that_never_reports_ends_as_unknown', {
  cashier: SILENT,
  expect: { state: 'unknown', reason: 'cashier_silent' },
  after: ({ clock, storage }) => {
    assert.equal(clock.waiting(), 0);
    assert.deepEqual(pendingIn(storage), ['pay_1']);
  },
});

story('requests_interrupted_behind_the_cashier_do_no_harm', {
  cashier: { ...SILENT, moves: true },
  faults: [['confirm', { network: 'request:fail interrupted' }, { status: 502 }, { silent: true }]],
  expect: { state: 'paid' },
});

story('network_lost_after_paying_is_unknown', {
  cashier: { ...OK, moves: true },
  faults: [['confirm', ...network(6)]],
  expect: { state: 'unknown', reason: 'network' },
});

story('a_server_error_and_then_an_answer_is_paid', {
  cashier: { ...OK, moves: true },
  faults: [['pay', ...down(1, 'wechat_unavailable')], ['confirm', ...down(2, 'wechat_unavailable')]],
  expect: { state: 'paid' },
});

story('a_server_that_stays_down_is_unknown_and_opens_no_cashier', {
  cashier: OK,
  faults: [['pay', ...down(3, 'wechat_unavailable')]],
  expect: { state: 'unknown', reason: 'wechat_unavailable' },
  after: ({ wx, server }) => {
    assert.equal(wx.calls.requestPayment.length, 0);
    assert.equal(server.count('pay'), 3);
  },
});

story('a_lost_answer_to_pay_is_asked_for_again', {
  cashier: { ...OK, moves: true },
  faults: [['pay', { lost: 'request:fail timeout' }]],
  expect: { state: 'paid' },
  after: ({ wx }) => assert.equal(wx.calls.requestPayment.length, 1),
});

story('the_page_of_a_hotel_network_is_not_an_answer', {
  cashier: { ...OK, moves: true },
  faults: [['confirm', { answer: { status: 200, data: '<html>Welcome</html>' } }]],
  expect: { state: 'paid' },
});

story('only_the_word_paid_means_paid', {
  cashier: OK,
  faults: [['confirm', ...Array(6).fill({ answer: { status: 200, data: { state: 'PAID', paid: true } } })]],
  expect: { state: 'unknown', reason: 'invalid_answer' },
});

story('a_closed_payment_fails_without_a_cashier', {
  cashier: OK,
  faults: [['pay', { status: 409, code: 'payment_closed' }]],
  expect: { state: 'failed', reason: 'payment_closed' },
  after: ({ wx }) => assert.equal(wx.calls.requestPayment.length, 0),
});

story('the_payment_of_another_buyer_fails', {
  cashier: OK,
  faults: [['pay', { status: 403, code: 'payer_mismatch' }]],
  expect: { state: 'failed', reason: 'payer_mismatch' },
});

story('a_numeric_time_stamp_never_reaches_the_cashier', {
  cashier: OK,
  faults: [['pay', { answer: { status: 200, data: { state: 'ready', request_payment: { timeStamp: 1700000000 } } } }]],
  expect: { state: 'unknown', reason: 'invalid_answer' },
});

test('a_payment_closed_while_the_cashier_is_open_fails', async () => {
  const phone = createPhone();
  phone.cashier(SILENT);
  const paying = phone.shouyin.pay('pay_1');
  await phone.clock.advance(3000);
  phone.server.payments.get('pay_1').state = 'closed';
  assert.deepEqual(await phone.run(paying), { state: 'failed', paymentId: 'pay_1', reason: 'payment_closed' });
  assert.deepEqual(pendingIn(phone.storage), []);
});

test('a_payment_that_is_paid_already_opens_no_cashier', async () => {
  const phone = createPhone();
  phone.server.payments.get('pay_1').state = 'paid';
  assert.deepEqual(await phone.run(phone.shouyin.pay('pay_1')), { state: 'paid', paymentId: 'pay_1' });
  assert.equal(phone.wx.calls.requestPayment.length, 0);
});

test('a_cashier_that_throws_is_a_failure', async () => {
  const phone = createPhone();
  phone.server.requestPayment = { ...phone.server.requestPayment, package: 'wx2014' };
  const { state, errMsg } = await phone.run(phone.shouyin.pay('pay_1'));
  assert.equal(state, 'failed');
  assert.match(errMsg, /prepay_id/);
});

test('a_double_tap_is_one_payment', async () => {
  const phone = createPhone();
  phone.cashier({ ...OK, moves: true });
  const first = phone.shouyin.pay('pay_1');
  const second = phone.shouyin.pay('pay_1');
  assert.equal(first, second, 'the same promise');
  await phone.clock.advance(1200);
  assert.equal(phone.shouyin.pay('pay_1'), first, 'also while the cashier is open');
  await phone.run(first);
  assert.equal(phone.wx.calls.requestPayment.length, 1);
  assert.equal(phone.server.count('pay'), 1);
});

test('paying_again_after_a_cancel_continues_the_same_payment', async () => {
  const phone = createPhone();
  phone.cashier(CANCEL);
  assert.equal((await phone.run(phone.shouyin.pay('pay_1'))).state, 'cancelled');
  phone.cashier({ ...OK, moves: true });
  assert.equal((await phone.run(phone.shouyin.pay('pay_1'))).state, 'paid');
  const [first, second] = phone.wx.calls.requestPayment;
  assert.deepEqual(first, second, 'the prepay_id the server gave');
  assert.deepEqual(phone.server.log.filter(({ route }) => route === 'pay').map(({ id }) => id), ['pay_1', 'pay_1']);
});

test('the_stages_are_told_in_order', async () => {
  const phone = createPhone();
  phone.cashier({ ...OK, moves: true });
  const stages = [];
  await phone.run(phone.shouyin.pay('pay_1', { onStage: (stage) => stages.push(stage) }));
  assert.deepEqual(stages, ['preparing', 'cashier', 'confirming']);
});

test('a_payment_that_does_not_exist_is_an_error_with_the_servers_words', async () => {
  const phone = createPhone();
  await assert.rejects(phone.run(phone.shouyin.pay('pay_2')), {
    name: 'ShouyinError',
    code: 'payment_not_found',
    detail: 'Because of payment_not_found',
    status: 404,
    retryable: false,
  });
});

test('a_missing_payment_id_is_an_error', async () => {
  const { shouyin } = createPhone();
  for (const id of [undefined, '', 7]) {
    await assert.rejects(shouyin.pay(id), { code: 'invalid_argument' });
    await assert.rejects(shouyin.confirm(id), { code: 'invalid_argument' });
    await assert.rejects(shouyin.getPayment(id), { code: 'invalid_argument' });
  }
});

/** The payments the phone remembers as unfinished. */
function pendingIn(storage) {
  const key = Object.keys(storage).find((name) => name.endsWith(':pending'));
  return key ? JSON.parse(storage[key]) : [];
}
