//! The kinds of problems: name, status, title.

use http::StatusCode;

macro_rules! codes {
    ($($name:ident = $status:ident, $code:literal, $title:literal;)*) => {
        /// The kinds of problems. Their texts are part of the API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code { $(#[doc = $title] $name,)* }

        impl Code {
            /// All of them, in the order of the documentation.
            pub(crate) const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The stable name.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// One short sentence, always the same for a code.
            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// The HTTP status.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }
        }
    };
}

codes! {
    MalformedJson = BAD_REQUEST, "malformed_json", "The body is not valid JSON";
    InvalidField = BAD_REQUEST, "invalid_field", "A member of the body is not accepted";
    InvalidQuery = BAD_REQUEST, "invalid_query", "A query parameter is not accepted";
    UnreadableBody = BAD_REQUEST, "unreadable_body", "The body could not be received";
    IdempotencyKeyMissing = BAD_REQUEST, "idempotency_key_missing", "The header Idempotency-Key is missing";
    IdempotencyKeyInvalid = BAD_REQUEST, "idempotency_key_invalid", "The header Idempotency-Key is not accepted";
    UnknownApp = BAD_REQUEST, "unknown_app", "The app is not configured for this merchant";
    ProductNotServed = BAD_REQUEST, "product_not_served", "This merchant takes no such payments in this app";
    LoginCodeInvalid = BAD_REQUEST, "login_code_invalid", "WeChat does not accept the login code";
    LoginCodeUsed = BAD_REQUEST, "login_code_used", "The login code was used before";
    ApiKeyMissing = UNAUTHORIZED, "api_key_missing", "An API key is needed";
    ApiKeyInvalid = UNAUTHORIZED, "api_key_invalid", "The API key is not known";
    SessionMissing = UNAUTHORIZED, "session_missing", "A session token is needed";
    SessionInvalid = UNAUTHORIZED, "session_invalid", "The session token is not known";
    SessionExpired = UNAUTHORIZED, "session_expired", "The session has ended";
    UserBlocked = FORBIDDEN, "user_blocked", "WeChat has blocked this user";
    PreviewUser = FORBIDDEN, "preview_user", "WeChat shows a preview, without a user";
    PaymentNotFound = NOT_FOUND, "payment_not_found", "There is no such payment";
    RefundNotFound = NOT_FOUND, "refund_not_found", "There is no such refund";
    WebhookEndpointNotFound = NOT_FOUND, "webhook_endpoint_not_found", "There is no such webhook endpoint";
    ReconciliationNotFound = NOT_FOUND, "reconciliation_not_found", "This day was not compared";
    EventNotFound = NOT_FOUND, "event_not_found", "There is no such event, or it was never sent to this endpoint";
    RouteNotFound = NOT_FOUND, "route_not_found", "There is nothing at this address";
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "This address does not take this method";
    IdempotencyKeyReused = CONFLICT, "idempotency_key_reused", "The Idempotency-Key belongs to another request";
    OrderNoConflict = CONFLICT, "order_no_conflict", "The order_no belongs to another payment";
    PaymentClosed = CONFLICT, "payment_closed", "The payment cannot be paid any more";
    PaymentPaid = CONFLICT, "payment_paid", "The payment is paid already";
    RefundNotPaid = CONFLICT, "refund_not_paid", "There is no money to give back";
    RefundTooMuch = CONFLICT, "refund_too_much", "More than what is left to refund";
    RefundTooMany = CONFLICT, "refund_too_many", "WeChat takes no more refunds for this order";
    RefundTooLate = CONFLICT, "refund_too_late", "WeChat takes refunds for one year only";
    RefundNoTaken = CONFLICT, "refund_no_taken", "The refund_no belongs to another refund";
    RefundNotAbnormal = CONFLICT, "refund_not_abnormal", "The refund needs no other way";
    WebhookEndpointTooMany = CONFLICT, "webhook_endpoint_too_many", "This merchant has enough webhook endpoints";
    WebhookEndpointDisabled = CONFLICT, "webhook_endpoint_disabled", "The webhook endpoint is disabled";
    OtherProduct = CONFLICT, "other_product", "The payment is paid in another way";
    QrNotReady = CONFLICT, "qr_not_ready", "There is no QR code to show now";
    TooManyAttempts = CONFLICT, "too_many_attempts", "WeChat has refused this payment too often";
    DayNotOver = CONFLICT, "day_not_over", "The day is not over: it has no bill yet";
    BillTooOld = CONFLICT, "bill_too_old", "WeChat keeps bills for three months";
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large";
    WebhookEndpointUrlRefused = UNPROCESSABLE_ENTITY, "webhook_endpoint_url_refused", "Webhooks are not sent to such an address";
    PaymentCodeRefused = UNPROCESSABLE_ENTITY, "code_refused", "The payer's code was not charged";
    WechatRefused = UNPROCESSABLE_ENTITY, "wechat_refused", "WeChat refuses this request";
    RateLimited = TOO_MANY_REQUESTS, "rate_limited", "Too many requests";
    Internal = INTERNAL_SERVER_ERROR, "internal", "The server made a mistake";
    Misconfigured = INTERNAL_SERVER_ERROR, "misconfigured", "The server's configuration does not fit";
    WechatUnavailable = SERVICE_UNAVAILABLE, "wechat_unavailable", "WeChat gave no usable answer";
    StoreUnavailable = SERVICE_UNAVAILABLE, "store_unavailable", "The database is not available";
    Timeout = SERVICE_UNAVAILABLE, "timeout", "The request took too long";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_words_and_titles_are_short() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            let name = code.as_str();
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
            // Titles are also what WeChat is told about a notification that could not be received: 64 characters.
            assert!(code.title().len() <= 64, "{name}");
            assert!(!code.title().contains(['"', '\\', '<', '&']), "{name}");
        }
    }
}
