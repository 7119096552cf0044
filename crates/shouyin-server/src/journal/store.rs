//! What was committed, and what the shop learns of it.

use shouyin_core::event::{Event, EventType};
use shouyin_core::payment::{Paid, PaymentState};

use super::{Explained, Journal, Kind, NewEntry, Party, mask_body};
use crate::observed_store::Told;

impl Journal {
    /// A transaction with events is durable.
    pub(crate) fn committed(&self, told: &Told) {
        for event in &told.events {
            let Some(kind) = kind(event.event_type) else {
                continue;
            };
            if kind == Kind::Event
                && let Some(commit) = commit(event, told)
            {
                self.record(commit);
            }
            self.record(announced(event, kind));
        }
    }
}

/// As what an event is shown; none: the request that brought it about shows it already.
const fn kind(event_type: EventType) -> Option<Kind> {
    match event_type {
        EventType::PaymentCreated => None,
        EventType::PaymentPaid | EventType::PaymentPaidLate => Some(Kind::Event),
        EventType::PaymentClosed => Some(Kind::Close),
        EventType::RefundCreated
        | EventType::RefundSucceeded
        | EventType::RefundClosed
        | EventType::RefundRejected
        | EventType::RefundActionNeeded => Some(Kind::Refund),
        EventType::ReconciliationCompleted | EventType::ReconciliationDifferenceFound => {
            Some(Kind::Bill)
        }
        EventType::PaymentRevised
        | EventType::PaymentSurplusPaid
        | EventType::PaymentCodeFailed
        | EventType::EndpointDisabled => Some(Kind::OtherEvent),
    }
}

fn commit(event: &Event, told: &Told) -> Option<NewEntry> {
    let payment = told.payment.as_ref()?;
    let PaymentState::Paid(paid) = &payment.state else {
        return None;
    };
    let mut entry = NewEntry::new(
        Party::Shouyin,
        Party::Shouyin,
        Kind::Commit,
        "Paid: saved in one commit",
        "已支付：一次提交存盘",
    );
    entry.payment_id = event.payment_id.as_ref().map(ToString::to_string);
    entry.out_trade_no = Some(paid.out_trade_no.to_string());
    entry.explained = explained(paid, told);
    Some(entry)
}

fn explained(paid: &Paid, told: &Told) -> Vec<Explained> {
    let mut lines = vec![
        Explained::good(
            format!(
                "The payment is paid; WeChat's number is {}",
                paid.transaction_id
            ),
            format!("支付单已支付，微信支付单号为 {}", paid.transaction_id),
        ),
        Explained::good(
            format!(
                "{} event written in the same transaction: however often WeChat repeats itself, there is one",
                told.events.len()
            ),
            format!(
                "同一事务写入 {} 个事件：无论微信重复多少次，只有一个",
                told.events.len()
            ),
        ),
    ];
    if told.with_notification {
        lines.push(Explained::good(
            "The notification is kept as evidence in the same transaction; only now it is answered",
            "通知作为凭据在同一事务中保存，此后才应答",
        ));
    }
    lines.push(Explained::good(
        "Nothing is owed for this payment any more: its tasks are removed in the same transaction",
        "这笔支付不再有待办任务：它们在同一事务中删除",
    ));
    if paid.late {
        lines.push(Explained::bad(
            "It had been closed here before: late money wins, and people decide",
            "此前已在本地关闭：迟到的钱算数，由人决定如何处理",
        ));
    }
    lines
}

fn announced(event: &Event, kind: Kind) -> NewEntry {
    let name = event.event_type.as_str();
    let mut entry = NewEntry::new(
        Party::Shouyin,
        Party::Shop,
        kind,
        format!("Event {name}"),
        format!("事件 {name}"),
    );
    entry.payment_id = event.payment_id.as_ref().map(ToString::to_string);
    entry.explained.push(
        Explained::good(
            format!(
                "Its id {} never changes; the shop reads it with GET /v1/events",
                event.id
            ),
            format!("事件号 {} 永不改变；商家用 GET /v1/events 读取", event.id),
        )
        .with_detail(mask_body(&event.data)),
    );
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page lights "the shop knows" for it, and says that the coffee may be made.
    #[test]
    fn only_a_payment_that_is_paid_is_shown_as_the_event_of_a_purchase() {
        let shown = |kind_of| {
            EventType::ALL
                .into_iter()
                .filter(move |of| kind(*of) == kind_of)
        };
        let paid = [EventType::PaymentPaid, EventType::PaymentPaidLate];
        assert!(shown(Some(Kind::Event)).eq(paid));
        assert!(shown(None).eq([EventType::PaymentCreated]));
    }
}
