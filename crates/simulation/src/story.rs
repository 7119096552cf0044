//! Stories: a few people who know what they want and try again until they are answered. For the crash matrix, and for
//! failures that were found by chance and deserve a name.

use shouyin_core::policy::{MoneyPolicy, Policy};
use shouyin_core::product::Product;
use shouyin_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use wechat_simulator::{Assumptions, CloseUnknown, CodeStory, FaultKind};
use wechatpay::v2::SignType;

use crate::choice::Fault;
use crate::speaks::{Speaks, Stage};

/// What somebody does in a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The merchant asks to be paid.
    Create,
    /// The shopper taps "pay".
    Tap,
    /// The shopper pays at the cashier.
    Pay,
    /// The phone asks whether it is paid.
    Confirm,
    /// The merchant closes the payment.
    Close,
    /// The clock of the server of this index is set so many milliseconds off.
    SetClock(usize, i64),
    /// The shopper pays with the first ticket that a phone got, however old it is.
    PayFirst,
    /// Somebody else, by their number, pays with that first ticket.
    PayFirstBy(usize),
    /// The merchant asks for so many fen instead.
    Revise(i64),
    /// The merchant wants so many fen back, under its refund number of this index.
    Refund(usize, i64),
    /// Somebody refunds so many fen in WeChat's console.
    RefundByHand(i64),
    /// The merchant has so many fen left at WeChat, or as many as it takes.
    SetBalance(Option<i64>),
    /// The merchant adds an endpoint for all events.
    AddEndpoint,
    /// The merchant wants the abnormal refund paid out in another way.
    Remedy,
    /// The operator moves the merchant to the other protocol.
    Move,
    /// From now on the database takes so many milliseconds for a call.
    SlowStore(i64),
    /// WeChat makes such a mistake in its next bill.
    SpoilBill(FaultKind),
    /// From now on the merchant's days are compared with WeChat's bills.
    OweBills,
    /// The till scans a phone whose holder does this, and takes so many milliseconds for it.
    Scan(CodeStory, i64),
    /// The till reads how it goes with such a code. Whoever wanted to pay shows a fresh one if it failed.
    Watch(CodeStory, i64),
}

/// A story: who does what when.
#[derive(Debug, Clone)]
pub struct Story {
    /// Its name on the command line.
    pub name: &'static str,
    /// Milliseconds after the beginning, and what happens then.
    pub steps: Vec<(i64, Step)>,
    /// How many servers there are.
    pub servers: usize,
    /// Time to pay, in milliseconds.
    pub expires_in_ms: i64,
    /// Whether WeChat's notifications arrive.
    pub notifications: bool,
    /// Which protocol the merchant speaks.
    pub speaks: Speaks,
    /// How it is paid.
    pub product: Product,
    /// What happens to the first calls to WeChat of each kind (`place`, `query`, `close`), in this order.
    pub mishaps: Vec<(&'static str, Fault)>,
    /// How WeChat behaves where its documentation is silent.
    pub assumptions: Assumptions,
    /// What the merchant wants done with money that nobody asked for.
    pub policy: Policy,
    /// How it ends, if that is not left to a race.
    pub ends_paid: Option<bool>,
    /// How many fen went back, if that is not left to a race.
    pub ends_refunded: Option<i64>,
}

/// The races are told with the second party early, at the same time and late, by so many milliseconds.
const OFFSETS_MS: [i64; 7] = [-3, -2, -1, 0, 1, 2, 3];

impl Story {
    /// A buyer pays.
    pub fn pay() -> Self {
        Self {
            name: "pay",
            steps: vec![
                (0, Step::Create),
                (1_000, Step::Tap),
                (2_000, Step::Pay),
                (2_500, Step::Confirm),
            ],
            servers: 1,
            expires_in_ms: 30 * MINUTE_MS,
            notifications: true,
            speaks: Speaks::V3,
            product: Product::MiniProgram,
            mishaps: Vec::new(),
            assumptions: Assumptions::default(),
            policy: Policy::default(),
            ends_paid: Some(true),
            ends_refunded: None,
        }
    }

    /// Nobody pays and time runs out.
    pub fn expire() -> Self {
        Self {
            name: "expire",
            steps: vec![(0, Step::Create), (1_000, Step::Tap)],
            servers: 1,
            expires_in_ms: MINUTE_MS,
            notifications: true,
            speaks: Speaks::V3,
            product: Product::MiniProgram,
            mishaps: Vec::new(),
            assumptions: Assumptions::default(),
            policy: Policy::default(),
            ends_paid: Some(false),
            ends_refunded: None,
        }
    }

    /// The merchant closes while the buyer pays.
    fn close_while_paying(offset_ms: i64) -> Self {
        Self {
            name: "close-while-paying",
            steps: vec![
                (0, Step::Create),
                (1_000, Step::Tap),
                (5_000, Step::Close),
                (5_000 + offset_ms, Step::Pay),
            ],
            servers: 1,
            expires_in_ms: HOUR_MS,
            notifications: true,
            speaks: Speaks::V3,
            product: Product::MiniProgram,
            mishaps: Vec::new(),
            assumptions: Assumptions::default(),
            policy: Policy::default(),
            ends_paid: None,
            ends_refunded: None,
        }
    }

    /// The merchant closes while the order is on its way to WeChat.
    fn close_while_ordering(offset_ms: i64) -> Self {
        Self {
            name: "close-while-ordering",
            steps: vec![
                (0, Step::Create),
                (5_000, Step::Tap),
                (5_000 + offset_ms, Step::Close),
            ],
            servers: 1,
            expires_in_ms: HOUR_MS,
            notifications: true,
            speaks: Speaks::V3,
            product: Product::MiniProgram,
            mishaps: Vec::new(),
            assumptions: Assumptions::default(),
            policy: Policy::default(),
            ends_paid: Some(false),
            ends_refunded: None,
        }
    }

    /// WeChat's notification and the answer to our query arrive together.
    fn notification_races_query(offset_ms: i64) -> Self {
        Self {
            name: "notification-races-query",
            steps: vec![
                (0, Step::Create),
                (1_000, Step::Tap),
                (5_000, Step::Pay),
                (5_000 + offset_ms, Step::Confirm),
            ],
            servers: 1,
            expires_in_ms: HOUR_MS,
            notifications: true,
            speaks: Speaks::V3,
            product: Product::MiniProgram,
            mishaps: Vec::new(),
            assumptions: Assumptions::default(),
            policy: Policy::default(),
            ends_paid: Some(true),
            ends_refunded: None,
        }
    }

    /// The order is slow, the server's clock is stepped, and the merchant closes: WeChat's "no such order" is true and
    /// proves nothing yet. Both clocks are within the five minutes that WeChat accepts. Found by seed 1044864:1024.
    fn clock_steps_while_ordering(before_ms: i64, after_ms: i64) -> Self {
        Self {
            name: "clock-steps-while-ordering",
            steps: vec![
                (0, Step::SetClock(0, before_ms)),
                (100, Step::Create),
                (1_000, Step::Tap),
                (2_000, Step::SetClock(0, after_ms)),
                (2_000, Step::Close),
            ],
            servers: 1,
            expires_in_ms: HOUR_MS,
            notifications: true,
            speaks: Speaks::V3,
            product: Product::MiniProgram,
            mishaps: vec![("place", Fault::RequestLate)],
            assumptions: Assumptions::default(),
            policy: Policy::default(),
            ends_paid: Some(false),
            ends_refunded: None,
        }
    }

    /// The order never arrives; closing it is unanswered once and then refused. Found by seed 47:1024.
    fn refused_close(close_unknown_order: CloseUnknown) -> Self {
        Self {
            name: "refused-close",
            steps: vec![(0, Step::Create), (1_000, Step::Tap), (2_000, Step::Close)],
            servers: 1,
            expires_in_ms: HOUR_MS,
            notifications: true,
            speaks: Speaks::V3,
            product: Product::MiniProgram,
            mishaps: vec![
                ("place", Fault::RequestLost),
                ("close", Fault::ServerErrorBefore),
            ],
            assumptions: Assumptions {
                close_unknown_order,
                ..Assumptions::default()
            },
            policy: Policy::default(),
            ends_paid: Some(false),
            ends_refunded: None,
        }
    }

    /// A buyer pays and gets money back.
    pub fn refund() -> Self {
        let mut story = Self::pay();
        story.name = "refund";
        story.steps.push((60_000, Step::Refund(0, 1_990)));
        story.ends_refunded = Some(1_990);
        story
    }

    /// The same, and something happens to the refund call.
    fn refund_with(name: &'static str, what: &'static str, fault: Fault) -> Self {
        Self {
            name,
            mishaps: vec![(what, fault)],
            ..Self::refund()
        }
    }

    /// Two refunds at once, which together are more than what was paid: only one can be.
    fn racing_refunds(offset_ms: i64) -> Self {
        let mut story = Self::pay();
        story.name = "racing-refunds";
        story.steps.push((60_000, Step::Refund(0, 1_990)));
        story
            .steps
            .push((60_000 + offset_ms, Step::Refund(1, 1_990)));
        story.ends_refunded = Some(1_990);
        story
    }

    /// A part by us and a part by hand.
    fn refund_by_hand() -> Self {
        let mut story = Self::pay();
        story.name = "refund-by-hand";
        story.steps.push((60_000, Step::RefundByHand(1_000)));
        story.steps.push((200_000, Step::Refund(0, 990)));
        story.ends_refunded = Some(1_990);
        story
    }

    /// Nobody tells of a refund made by hand but the bill, the next morning.
    fn bill() -> Self {
        let mut story = Self::pay();
        story.name = "bill";
        story.notifications = false;
        story.steps.push((3_000, Step::OweBills));
        story.steps.push((60_000, Step::RefundByHand(1_000)));
        story.ends_refunded = Some(1_000);
        story
    }

    /// Two servers whose clocks are minutes apart fetch the same bill: the second finds the task due between the first one's claim and
    /// its lease. One of them gets no usable answer when the other has compared the day. Found by seed 3125081500008283:1024: the day was
    /// begun again, and nobody went on with it.
    fn bill_fetched_twice(mishap: (&'static str, Fault)) -> Self {
        let mut story = Self::pay();
        story.name = "bill-fetched-twice";
        story.servers = 2;
        story.steps.push((10_000, Step::SetClock(1, 240_000)));
        story.steps.push((20_000, Step::SlowStore(2)));
        // The bill of yesterday can be had at once, so that both servers find it due.
        story.steps.push((DAY_MS, Step::OweBills));
        story.mishaps = vec![mishap];
        story
    }

    /// A bill has a line that is not ours. Whoever has read it dies before the day is compared, and the next one is told that there is no
    /// bill. Found by seed 61128104026829:1024: it was believed, and the difference was one of a day without a bill.
    fn bill_denied_after_it_was_read() -> Self {
        // Late enough for "there is none" to be believed at once.
        const LATE_MS: i64 = DAY_MS + 3 * HOUR_MS;
        let mut story = Self::pay();
        story.name = "bill-denied";
        let foreign = Step::SpoilBill(FaultKind::BillForeignLine);
        story.steps.push((LATE_MS, foreign));
        story.steps.push((LATE_MS, Step::OweBills));
        let none = Step::SpoilBill(FaultKind::BillNone);
        story.steps.push((LATE_MS + SECOND_MS, none));
        story
    }

    /// The merchant's balance is too low until somebody tops it up.
    fn refund_without_money() -> Self {
        let mut story = Self::pay();
        story.name = "refund-without-money";
        story.steps.push((50_000, Step::SetBalance(Some(5))));
        story.steps.push((60_000, Step::Refund(0, 1_990)));
        story.steps.push((90_000, Step::SetBalance(None)));
        story.ends_refunded = Some(1_990);
        story
    }

    /// The payer's bank cannot take it; the money takes another way.
    fn abnormal_refund() -> Self {
        let mut story = Self::refund_with("abnormal-refund", "bank", Fault::RefundAbnormal);
        story.steps.push((120_000, Step::Remedy));
        story
    }

    /// The price changes between two taps; the order with the former price is closed first.
    fn revise(offset_ms: i64) -> Self {
        Self {
            name: "revise",
            steps: vec![
                (0, Step::Create),
                (1_000, Step::Tap),
                (5_000, Step::Revise(990)),
                (5_000 + offset_ms.max(0), Step::Tap),
                (8_000, Step::Pay),
            ],
            // After a crash the former price may be paid first: then it goes back, as surplus.
            ends_paid: None,
            ..Self::pay()
        }
    }

    /// The buyer pays the former price while the merchant changes it: paid in time, or surplus that goes back by policy.
    fn pay_what_was_revised(offset_ms: i64) -> Self {
        Self {
            name: "surplus",
            steps: vec![
                (0, Step::Create),
                (1_000, Step::Tap),
                (5_000, Step::Revise(990)),
                (5_000 + offset_ms, Step::PayFirst),
                (9_000, Step::Tap),
                (12_000, Step::Pay),
            ],
            ends_paid: None,
            ..Self::pay()
        }
    }

    /// WeChat says that the order is closed and takes the money all the same; by policy it goes back.
    fn late_payment() -> Self {
        Self {
            name: "late-payment",
            steps: vec![
                (0, Step::Create),
                (1_000, Step::Tap),
                (5_000, Step::Close),
                (30_000, Step::PayFirst),
            ],
            mishaps: vec![("close", Fault::WechatLies), ("query", Fault::WechatLies)],
            policy: Policy {
                late: MoneyPolicy::Refund,
                surplus: MoneyPolicy::Refund,
            },
            ends_paid: None,
            ..Self::pay()
        }
    }

    /// A buyer pays and the merchant's server is told, whatever happens to the first webhook.
    fn webhook(fault: Option<Fault>) -> Self {
        let mut story = Self::pay();
        story.name = "webhook";
        story.steps = vec![
            (0, Step::AddEndpoint),
            (100, Step::Create),
            (1_000, Step::Tap),
            (2_000, Step::Pay),
        ];
        story.mishaps = fault.map(|fault| ("webhook", fault)).into_iter().collect();
        story
    }

    /// The same in the older protocol.
    fn in_v2(self, name: &'static str) -> Self {
        Self {
            name,
            speaks: Speaks::V2(SignType::HmacSha256),
            ..self
        }
    }

    /// An order of the older protocol is refused, well signed, while the merchant closes its payment: WeChat takes none that would
    /// be payable for less than five minutes, and the server's clock is seven minutes behind. Found by seed 1167:1024.
    fn refused_while_closing(offset_ms: i64) -> Self {
        let story = Self {
            steps: vec![
                (0, Step::SetClock(0, -446_000)),
                (100, Step::Create),
                (1_000, Step::Tap),
                (1_000 + offset_ms, Step::Close),
            ],
            expires_in_ms: MINUTE_MS,
            assumptions: Assumptions {
                v2_parameter_errors_signed: true,
                ..Assumptions::default()
            },
            ends_paid: Some(false),
            ..Self::pay()
        };
        story.in_v2("refused-while-closing")
    }

    /// A buyer pays around the moment in which the merchant moves to APIv3, and gets money back afterwards: by the protocol that the
    /// order was placed by.
    fn pay_while_moving(offset_ms: i64) -> Self {
        let mut story = Self::refund();
        story.name = "move";
        story.speaks = Speaks::Moving(SignType::Md5, Stage::Before);
        story.steps.push((2_000 + offset_ms, Step::Move));
        story
    }

    /// Somebody scans the QR code on a screen and pays.
    fn native(notifications: bool) -> Self {
        Self {
            name: "native",
            product: Product::Native,
            notifications,
            ..Self::pay()
        }
    }

    /// Somebody scans the code with the former price while it changes, and somebody else pays what is asked for then: that one is the
    /// payer. Found by seed 22644:1024.
    fn two_payers(offset_ms: i64) -> Self {
        Self {
            name: "two-payers",
            steps: vec![
                (0, Step::Create),
                (1_000, Step::Tap),
                (5_000, Step::Revise(990)),
                (5_000 + offset_ms, Step::PayFirstBy(1)),
                (9_000, Step::Tap),
                (12_000, Step::Pay),
            ],
            product: Product::Native,
            ends_paid: None,
            ..Self::pay()
        }
    }

    /// A till scans a phone. Whoever gets no answer sends it again; whoever failed to pay and wants to shows a fresh code.
    fn code(name: &'static str, what: CodeStory, takes_ms: i64) -> Self {
        Self {
            name,
            product: Product::Code,
            steps: vec![(0, Step::Create), (1_000, Step::Scan(what, takes_ms))],
            ..Self::pay()
        }
    }

    /// WeChat asks for the password, and it is typed seven seconds later.
    fn code_paid() -> Self {
        Self::code("code-paid", CodeStory::PaysLater, 7_000)
    }

    /// The password is typed just when the time for it is up: WeChat wants to be told twice that the order is taken back, and the
    /// money goes back. Then time runs out.
    fn code_reversed() -> Self {
        let story = Self {
            expires_in_ms: 2 * MINUTE_MS,
            ends_paid: Some(false),
            ..Self::code("code-reversed", CodeStory::PaysAtReverse, 0)
        };
        story.in_v2("code-reversed")
    }

    /// The customer leaves without typing it, and the merchant closes the payment: the charge is taken back as soon as WeChat does that.
    fn customer_leaves() -> Self {
        let mut story = Self::code("code-reversed", CodeStory::Hesitates, 0);
        story.steps.push((7_000, Step::Close));
        story.ends_paid = Some(false);
        story
    }

    /// The money comes while the charge is taken back; the answer that says so is overtaken by the news that it is back. Found by
    /// seed 102915:1024: it counted as late money.
    fn overtaken_success() -> Self {
        let mut story = Self::code("overtaken-success", CodeStory::PaysAtReverse, 0);
        let failed = [("query", Fault::ServerErrorBefore); 3];
        story.mishaps = failed.to_vec();
        story.mishaps.push(("query", Fault::AnswerLate));
        story.steps.push((16_500, Step::Close));
        story.steps.push((17_000, Step::Confirm));
        story.ends_paid = Some(false);
        story
    }

    /// The money comes while the charge is taken back, and somebody refunds a part of it in WeChat's console at once: WeChat does not
    /// take back what has refunds, so the charge is a payment.
    fn refund_while_reversing() -> Self {
        let mut story = Self::code("refund-while-reversing", CodeStory::PaysAtReverse, 0);
        story.steps.push((7_000, Step::Close));
        story.steps.push((16_500, Step::RefundByHand(1_000)));
        // A crash may make it too early or too late for the refund.
        story.ends_paid = None;
        story
    }

    /// The merchant asks for another amount while the password is typed: what was charged goes back, and the till scans a fresh code
    /// for the new amount. Found by seed 314:1024: the till was told that nothing was charged.
    fn revised_while_charging(what: CodeStory) -> Self {
        let mut story = Self::code("revised-while-charging", what, 3_000);
        story.steps.push((3_000, Step::Revise(990)));
        story.ends_refunded = Some(0);
        story
    }

    /// All variants of one story, or none if it is not known.
    pub fn named(name: &str) -> Vec<Self> {
        match name {
            "pay" => vec![
                Self::pay(),
                Self {
                    notifications: false,
                    ..Self::pay()
                },
            ],
            "expire" => vec![Self::expire()],
            "close-while-paying" => OFFSETS_MS.map(Self::close_while_paying).to_vec(),
            "close-while-ordering" => OFFSETS_MS.map(Self::close_while_ordering).to_vec(),
            "notification-races-query" => OFFSETS_MS.map(Self::notification_races_query).to_vec(),
            "refused-close" => vec![Self::refused_close(CloseUnknown::InvalidRequest)],
            "clock-steps-while-ordering" => [
                (0, 0),
                (-135_000, 290_000),
                (-280_000, 290_000),
                (290_000, -290_000),
            ]
            .map(|(before_ms, after_ms)| Self::clock_steps_while_ordering(before_ms, after_ms))
            .to_vec(),
            "refund" => vec![
                Self::refund(),
                Self {
                    notifications: false,
                    ..Self::refund()
                },
                Self::refund_with("refund", "refund", Fault::AnswerLost),
                Self::refund_with("refund", "refund", Fault::RequestLost),
                Self::refund_with("refund", "refund", Fault::ServerErrorAfter),
            ],
            "racing-refunds" => [-1, 0, 1].map(Self::racing_refunds).to_vec(),
            "refund-by-hand" => vec![Self::refund_by_hand()],
            "refund-without-money" => vec![Self::refund_without_money()],
            "abnormal-refund" => vec![Self::abnormal_refund()],
            "revise" => [0, 1, 2_000].map(Self::revise).to_vec(),
            "surplus" => [-2, 0, 1, 2].map(Self::pay_what_was_revised).to_vec(),
            "late-payment" => vec![Self::late_payment()],
            "pay-v2" => [true, false]
                .map(|notifications| Self {
                    notifications,
                    ..Self::pay().in_v2("pay-v2")
                })
                .to_vec(),
            "refund-v2" => [Fault::AnswerLost, Fault::RateLimited]
                .map(|fault| Self::refund_with("refund", "refund", fault).in_v2("refund-v2"))
                .to_vec(),
            "bill" => vec![Self::bill()],
            "bill-fetched-twice" => [
                ("bill", Fault::AnswerLate),
                ("bill", Fault::AnswerLost),
                ("bill_file", Fault::AnswerLost),
            ]
            .map(Self::bill_fetched_twice)
            .to_vec(),
            "bill-denied" => vec![Self::bill_denied_after_it_was_read()],
            "refused-while-closing" => [0, 1, 2].map(Self::refused_while_closing).to_vec(),
            "move" => [-1_500, -1, 0, 1, 600].map(Self::pay_while_moving).to_vec(),
            "native" => vec![Self::native(true), Self::native(false).in_v2("native")],
            "two-payers" => [0, 1].map(Self::two_payers).to_vec(),
            "code-paid" => vec![Self::code_paid(), Self::code_paid().in_v2("code-paid")],
            "code-reversed" => vec![Self::code_reversed(), Self::customer_leaves()],
            "revised-while-charging" => vec![
                Self::revised_while_charging(CodeStory::PaysLater),
                Self::revised_while_charging(CodeStory::BankError).in_v2("revised-while-charging"),
            ],
            "overtaken-success" => vec![Self::overtaken_success()],
            "refund-while-reversing" => vec![
                Self::refund_while_reversing(),
                Self::refund_while_reversing().in_v2("refund-while-reversing"),
            ],
            "webhook" => vec![
                Self::webhook(None),
                Self::webhook(Some(Fault::WebhookUnanswered)),
                Self::webhook(Some(Fault::WebhookRefused)),
            ],
            _ => Vec::new(),
        }
    }

    /// The names of all stories.
    pub const NAMES: [&'static str; 30] = [
        "pay",
        "expire",
        "close-while-paying",
        "close-while-ordering",
        "notification-races-query",
        "clock-steps-while-ordering",
        "refused-close",
        "refund",
        "racing-refunds",
        "refund-by-hand",
        "refund-without-money",
        "abnormal-refund",
        "revise",
        "surplus",
        "late-payment",
        "pay-v2",
        "refund-v2",
        "refused-while-closing",
        "move",
        "webhook",
        "bill",
        "bill-fetched-twice",
        "bill-denied",
        "native",
        "two-payers",
        "code-paid",
        "code-reversed",
        "revised-while-charging",
        "overtaken-success",
        "refund-while-reversing",
    ];
}
