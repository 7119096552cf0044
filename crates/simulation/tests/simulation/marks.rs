//! Marks: rare things do happen in the seeds.

use std::sync::Arc;

use simulation::{Keep, Mark, Marks, Product, Seed, run};

/// What every few hundred seeds must reach. The rarer ones are for the long search, which lists them all.
const COMMON: [Mark; 34] = [
    Mark::RevisedWithOrder,
    Mark::LateAnswer,
    Mark::LateRequest,
    Mark::CrashInRecovery,
    Mark::RefundAnswerLost,
    Mark::RefundTakenTwice,
    Mark::RefundNotEnough,
    Mark::RefundNotEnoughPaid,
    Mark::RefundAbnormal,
    Mark::RefundRemedied,
    Mark::RefundClosed,
    Mark::RefundTooMuch,
    Mark::RefundNoTaken,
    Mark::RefundRepeated,
    Mark::RefundSpaced,
    Mark::RefundByHand,
    Mark::RefundExceeds,
    Mark::WebhookRefused,
    Mark::WebhookRedirected,
    Mark::WebhookUnanswered,
    Mark::WebhookTwice,
    Mark::WebhookReceiverGone,
    Mark::WebhookTwoSecrets,
    Mark::WebhookGivenUp,
    Mark::EndpointEnabledAgain,
    Mark::EndpointDeleted,
    Mark::WebhookResent,
    Mark::ForgedRefund,
    Mark::CodePaying,
    Mark::CodeRefused,
    Mark::CodeReversed,
    Mark::CodePaidBack,
    Mark::CodePaidTooLate,
    Mark::CodeRecall,
];

#[test]
fn rare_things_happen() {
    let mut marks = Marks::default();
    for seed in 0..250 {
        let seed = Seed { seed, size: 1024 };
        marks.merge(&run(seed, Arc::new(Product), Keep::Nothing).marks);
        if COMMON.iter().all(|mark| marks.count(*mark) > 0) {
            return;
        }
    }
    let never: Vec<&str> = COMMON
        .iter()
        .filter(|mark| marks.count(**mark) == 0)
        .map(|mark| mark.as_str())
        .collect();
    panic!("never reached: {never:?}");
}
