//! What kind of bad day this run is. Every run draws a different subset of faults, so that they do not hide each other;
//! drawn from the seed alone, so that the same seed with less chaos is still the same kind of day.

use shouyin_core::policy::{MoneyPolicy, Policy};
use shouyin_core::product::Product;
use shouyin_core::time::{DAY_MS, MINUTE_MS};
use wechat_simulator::{
    Assumptions, CloseUnknown, RateLimitCode, RepeatedPrepay, SpecificOrGeneral, UsedNumber,
    UserPaying,
};
use wechatpay::v2::SignType;

use crate::actors::Action;
use crate::choice::{Fault, Weights};
use crate::products;
use crate::random::Stream;
use crate::speaks::{Speaks, Stage};

/// The character of one run.
#[derive(Debug, Clone)]
pub struct Swarm {
    /// How often each fault happens.
    pub weights: Weights,
    /// The safety net of asking: without it every query is lost, also in calm.
    pub queries: bool,
    /// The safety net of being told: without it every notification is lost, also in calm.
    pub notifications: bool,
    /// The safety net of sending again: without it no webhook ever arrives, and merchants read the list of events.
    pub webhooks: bool,
    /// The safety net of comparing: without it nobody asks for bills.
    pub bills: bool,
    /// How many webhook endpoints the first merchant has at the beginning.
    pub endpoints: usize,
    /// What the merchants want done with money that nobody asked for.
    pub policies: [Policy; 2],
    /// From the acceptance of a refund at WeChat to its end, milliseconds.
    pub refund_ms: i64,
    /// How many server processes share the store: 1 or 2.
    pub servers: usize,
    /// How often each action is taken, relative to the others.
    pub actions: [u32; Action::ALL.len()],
    /// Those whose turn comes and goes.
    pub muted: [bool; Action::ALL.len()],
    /// Whether others than the first merchant sell.
    pub other_merchants: bool,
    /// Whether others than the first person buy.
    pub other_phones: bool,
    /// Longest pause before a store call, milliseconds.
    pub store_pause_ms: u32,
    /// Longest way between two machines, milliseconds.
    pub network_ms: u32,
    /// Whether both merchants have the same APIv3 key (and the same one of the older protocol), which makes a foreign
    /// notification readable.
    pub one_api_v3_key: bool,
    /// Which protocol each merchant speaks.
    pub speaks: [Speaks; 2],
    /// What each merchant sells by; a payment draws one of them. None: mini programs.
    pub products: [Vec<Product>; 2],
    /// Whether WeChat granted each merchant payment codes by APIv3.
    pub v3_codes: [bool; 2],
    /// The points that WeChat's documentation leaves open.
    pub assumptions: Assumptions,
    /// A story in which WeChat breaks its word.
    pub lies_in_story: bool,
}

impl Swarm {
    /// The swarm of a seed.
    pub fn from_seed(seed: u64) -> Self {
        let mut stream = Stream::new(seed, "swarm");
        let mut weights = Weights::none();
        for fault in Fault::ALL {
            if stream.below(10) < 6 {
                continue;
            }
            let most = match fault {
                Fault::CrashBeforeCommit | Fault::CrashAfterCommit => 3,
                Fault::ClockSkew => 256,
                Fault::StoreUnavailable => 10,
                Fault::NotificationLost | Fault::NotificationLate | Fault::NotificationDoubled => {
                    80
                }
                // Whoever can change an answer at all would change many.
                Fault::Altered | Fault::WrongSignature => 80,
                Fault::RefundSlow | Fault::RefundAbnormal | Fault::RefundClosed => 100,
                Fault::WebhookLost
                | Fault::WebhookRefused
                | Fault::WebhookRedirected
                | Fault::WebhookUnanswered
                | Fault::WebhookSlow => 60,
                // Such a WeChat breaks its word: only in a few runs, where nobody can be held to what it said.
                Fault::WechatLies if stream.below(4) > 0 => continue,
                Fault::WechatLies => 60,
                Fault::NotSent
                | Fault::RequestLost
                | Fault::RequestLate
                | Fault::AnswerLost
                | Fault::AnswerLate
                | Fault::ServerErrorBefore
                | Fault::ServerErrorAfter
                | Fault::RateLimited
                | Fault::Truncated
                | Fault::NotificationAnswerLost
                | Fault::ClientAnswerLost => 24,
            };
            weights.set(fault, 1 + stream.below(most));
        }
        // Never both: then nothing could tell us anything.
        let (queries, notifications) = match stream.below(6) {
            0 => (false, true),
            1 => (true, false),
            _ => (true, true),
        };
        let mut day = Self {
            weights,
            queries,
            notifications,
            webhooks: stream.below(6) > 0,
            endpoints: pick(&mut stream, &[0, 0, 1, 1, 2]),
            policies: [policy(&mut stream), policy(&mut stream)],
            refund_ms: pick(&mut stream, &[0, 3_000, 3_000, 10 * MINUTE_MS, 2 * DAY_MS]),
            servers: if stream.below(4) == 0 { 2 } else { 1 },
            actions: actions(&mut stream),
            muted: [false; Action::ALL.len()],
            other_merchants: true,
            other_phones: true,
            store_pause_ms: pick(&mut stream, &[0, 0, 2, 30, 2_000]),
            network_ms: pick(&mut stream, &[0, 3, 3, 40, 1_500]),
            one_api_v3_key: stream.below(2) == 0,
            speaks: [speaks(&mut stream), speaks(&mut stream)],
            products: [products::mini_program(), products::mini_program()],
            v3_codes: [false; 2],
            assumptions: assumptions(&mut stream),
            lies_in_story: false,
            bills: stream.below(6) > 0,
        };
        // From a string of its own: what else this day is like does not depend on what is sold.
        day.draw_products(&mut Stream::new(seed, "products"));
        day
    }

    fn draw_products(&mut self, stream: &mut Stream) {
        self.products = [products::offered(stream), products::offered(stream)];
        self.v3_codes = [stream.below(2) == 0, stream.below(2) == 0];
        let tills = [3 + stream.below(8), stream.below(5)];
        let user_paying = match stream.below(3) {
            0 => UserPaying::State,
            1 => UserPaying::Error,
            _ => UserPaying::Accepted,
        };
        let general = stream.below(2) == 0;
        let notify_url_ignored = stream.below(2) == 0;
        let waits = stream.below(2) == 0;
        let assumptions = &mut self.assumptions;
        assumptions.codepay_user_paying = user_paying;
        assumptions.codepay_notify_url_ignored = notify_url_ignored;
        if general {
            assumptions.codepay_errors = SpecificOrGeneral::General;
        }
        if !waits {
            assumptions.reverse_wait_ms = 0;
        }
        if self.sells(Product::Code) {
            for (action, weight) in [Action::Scan, Action::TypePassword].into_iter().zip(tills) {
                self.set_action(action, weight);
            }
        }
    }

    /// Whether any merchant sells by this product.
    pub(crate) fn sells(&self, product: Product) -> bool {
        self.products.iter().flatten().any(|it| *it == product)
    }

    fn set_action(&mut self, action: Action, weight: u32) {
        for (known, slot) in Action::ALL.iter().zip(&mut self.actions) {
            if *known == action {
                *slot = weight;
            }
        }
    }

    /// Whether this action is ever taken.
    pub fn does(&self, action: Action) -> bool {
        let mut turns = Action::ALL.iter().zip(self.actions).zip(self.muted);
        turns.any(|((known, weight), muted)| *known == action && weight > 0 && !muted)
    }

    /// From now on this action is never taken when its turn comes.
    pub(crate) fn mute(&mut self, action: Action) {
        for (known, muted) in Action::ALL.iter().zip(&mut self.muted) {
            *muted |= *known == action;
        }
    }

    /// An ordinary day: for stories that a test tells.
    pub fn quiet() -> Self {
        Self {
            weights: Weights::none(),
            queries: true,
            notifications: true,
            webhooks: true,
            bills: false,
            endpoints: 0,
            policies: [Policy::default(); 2],
            refund_ms: 3_000,
            servers: 1,
            actions: [0; Action::ALL.len()],
            muted: [false; Action::ALL.len()],
            other_merchants: true,
            other_phones: true,
            store_pause_ms: 0,
            network_ms: 0,
            one_api_v3_key: false,
            speaks: [Speaks::V3; 2],
            products: [products::mini_program(), products::mini_program()],
            v3_codes: [false; 2],
            assumptions: Assumptions::default(),
            lies_in_story: false,
        }
    }
}

fn pick<T: Copy + Default>(stream: &mut Stream, from: &[T]) -> T {
    let count = u32::try_from(from.len()).unwrap_or(0);
    let index = usize::try_from(stream.below(count)).unwrap_or(0);
    from.get(index).copied().unwrap_or_default()
}

/// APIv3 is what most merchants speak.
fn speaks(stream: &mut Stream) -> Speaks {
    let sign_type = match stream.below(2) {
        0 => SignType::Md5,
        _ => SignType::HmacSha256,
    };
    match stream.below(5) {
        0 => Speaks::V2(sign_type),
        1 => Speaks::Moving(sign_type, Stage::Before),
        _ => Speaks::V3,
    }
}

fn policy(stream: &mut Stream) -> Policy {
    let mut wish = || match stream.below(2) {
        0 => MoneyPolicy::Keep,
        _ => MoneyPolicy::Refund,
    };
    Policy {
        late: wish(),
        surplus: wish(),
    }
}

fn actions(stream: &mut Stream) -> [u32; Action::ALL.len()] {
    let mut weights = [0; Action::ALL.len()];
    for (weight, action) in weights.iter_mut().zip(Action::ALL) {
        *weight = match action {
            // Where nobody sells by payment code, nobody scans one.
            Action::Scan | Action::TypePassword => 0,
            // Without these nothing happens at all.
            Action::Create => 2 + stream.below(4),
            Action::Tap | Action::AtTheCashier => 3 + stream.below(8),
            Action::Jump => 1 + stream.below(4),
            Action::Refund => {
                if stream.below(4) == 0 {
                    0
                } else {
                    1 + stream.below(6)
                }
            }
            Action::CreateAgain
            | Action::Revise
            | Action::SyncRefund
            | Action::RefundByHand
            | Action::Remedy
            | Action::SetBalance
            | Action::ChangeEndpoint
            | Action::Resend
            | Action::LoseReceiver
            | Action::Confirm
            | Action::Close
            | Action::Forge
            | Action::Replay
            | Action::Crash
            | Action::RotateKey
            | Action::StepClock
            | Action::Move
            | Action::SpoilBill => {
                if stream.below(10) < 5 {
                    0
                } else {
                    1 + stream.below(4)
                }
            }
        };
    }
    weights
}

fn assumptions(stream: &mut Stream) -> Assumptions {
    let mut yes = || stream.below(2) == 0;
    let specific = |yes: bool| {
        if yes {
            SpecificOrGeneral::Specific
        } else {
            SpecificOrGeneral::General
        }
    };
    let not_enough_is_repeatable = yes();
    Assumptions {
        used_number: if yes() {
            UsedNumber::OutTradeNoUsed
        } else {
            UsedNumber::InvalidRequest
        },
        paid_reorder: specific(yes()),
        closed_reorder: specific(yes()),
        repeated_prepay: match (yes(), yes()) {
            (true, _) => RepeatedPrepay::Fresh,
            (false, true) => RepeatedPrepay::SameWhileValid,
            (false, false) => RepeatedPrepay::FreshInvalidatesOld,
        },
        close_unknown_order: match (yes(), yes()) {
            (true, true) => CloseUnknown::OrderNotExist,
            (true, false) => CloseUnknown::TradeError,
            (false, true) => CloseUnknown::InvalidRequest,
            (false, false) => CloseUnknown::NoContent,
        },
        rate_limit_code: match (yes(), yes()) {
            (true, _) => RateLimitCode::FrequencyLimited,
            (false, true) => RateLimitCode::FrequencyLimitExceed,
            (false, false) => RateLimitCode::RatelimitExceeded,
        },
        not_enough_is_repeatable,
        refund_spacing_ms: if yes() { MINUTE_MS } else { 0 },
        // A refund that fails for want of money and is final at once would end twice at this WeChat.
        refund_final_at_once: not_enough_is_repeatable && yes() && yes(),
        abnormal_refund_reentrant: yes(),
        refund_state_when_accepted: yes(),
        empty_members_in_unpaid_query: yes(),
        codes_without_underscores: yes(),
        notification_id_stable: yes(),
        notification_extra_members: yes(),
        v2_parameter_errors_signed: yes(),
        v2_cdata: yes(),
        v2_extra_fields: yes(),
        v2_close_wait_ms: if yes() { 5 * MINUTE_MS } else { 0 },
        v2_repeated_close_refused: yes(),
        ..Assumptions::default()
    }
}
