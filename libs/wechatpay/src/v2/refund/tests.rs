use super::*;

#[test]
fn states_have_other_names_here() {
    assert_eq!(status("REFUNDCLOSE"), Wire::Known(RefundStatus::Closed));
    assert_eq!(status("CHANGE"), Wire::Known(RefundStatus::Abnormal));
    assert_eq!(status("PROCESSING"), Wire::Known(RefundStatus::Processing));
    assert_eq!(status("SUCCESS"), Wire::Known(RefundStatus::Success));
    assert_eq!(
        status("CLOSED"),
        Wire::Other("CLOSED".into()),
        "that is APIv3's name"
    );
}
