//! One named switch for every point on which WeChat's documentation is silent or contradicts itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How this WeChat behaves where the sources leave it open.
///
/// The defaults are the stricter or the more widely documented side. A careful client works with every combination,
/// and flipping these switches is how to find out whether yours is one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Assumptions {
    /// What is answered when a number is used again with other parameters while the order is unpaid. Sources name
    /// both 403 `OUT_TRADE_NO_USED` and 400 `INVALID_REQUEST` (numeric 268498688).
    pub used_number: UsedNumber,
    /// What is answered when a paid number is ordered again: 400 `ORDER_PAID`, or 400 `INVALID_REQUEST`.
    pub paid_reorder: SpecificOrGeneral,
    /// What is answered when a closed, expired or overdue number is ordered again: 400 `ORDER_CLOSED` (in the list of
    /// the Native page only), or 400 `INVALID_REQUEST`.
    pub closed_reorder: SpecificOrGeneral,
    /// Which prepay id a repeated order call returns ("latest prepay_id" is all the documentation says).
    pub repeated_prepay: RepeatedPrepay,
    /// Closing a number WeChat does not know. The documented list of the call has no `ORDER_NOT_EXIST`.
    pub close_unknown_order: CloseUnknown,
    /// Whether the query answer of an unpaid order carries the empty members that were widely seen (`payer: {}`,
    /// `promotion_detail: []`, `scene_info.device_id: ""`), or leaves them out.
    pub empty_members_in_unpaid_query: bool,
    /// Whether trade state `REFUND` starts when a refund is accepted (true) or when it has succeeded (false).
    pub refund_state_when_accepted: bool,
    /// HTTP status of `MCH_NOT_EXISTS`: 400 on order pages, 404 on older refund pages.
    pub mch_not_exists_status: u16,
    /// The code that comes with status 429: `FREQUENCY_LIMITED`, `FREQUENCY_LIMIT_EXCEED` or `RATELIMIT_EXCEEDED`.
    pub rate_limit_code: RateLimitCode,
    /// Old pages spell codes without underscores (`ORDERPAID`, `SYSTEMERROR`, `NOTENOUGH`); current ones with.
    pub codes_without_underscores: bool,
    /// Whether `http` addresses are taken as `notify_url`. Official pages contradict each other; developers need it.
    pub notify_url_http: bool,
    /// Whether loopback and private addresses are taken as `notify_url`. Real WeChat cannot reach them; developers'
    /// machines have no others.
    pub notify_url_private: bool,
    /// Whether text lengths are counted in characters or in UTF-8 bytes where the documentation does not say.
    pub length_unit: LengthUnit,
    /// Whether a member with the value `null` is refused. One source reports that orders with `null` members were
    /// created and failed only at the cashier.
    pub null_members: NullMembers,
    /// Whether `scene_info.store_info` needs only `id`, or (other sources) also `name`, `area_code` and `address`.
    pub store_info_all_members: bool,
    /// Whether an Authorization header that was already used within its five minutes is refused.
    pub refuse_nonce_replay: bool,
    /// Whether `serial_no` in the Authorization header may be in small letters. It is documented in capital ones; a widely used client
    /// reads it from the certificate and sends small ones.
    pub serial_no_any_case: bool,
    /// Whether a request exactly five minutes off is still taken.
    pub clock_window_inclusive: bool,
    /// The layout of `detail` for wrong signatures: `detail.issue`, or `detail.detail.issue` as seen in 2025.
    pub sign_error_nested: bool,
    /// How many characters of the body `truncated_sign_message` shows. Two real samples show 8.
    pub sign_error_body_characters: usize,
    /// Whether 4xx and 5xx answers to correctly signed requests are signed, as the documentation implies.
    pub errors_are_signed: bool,
    /// Whether requests without `User-Agent`, or whose `Accept` excludes JSON, are refused, as older rules said.
    pub require_client_headers: bool,
    /// What happens when the request header `Wechatpay-Serial` names a key WeChat does not know and nothing in the
    /// body is encrypted with it: ignored (false) or refused (true).
    pub refuse_unknown_serial: bool,
    /// Whether openids this simulator never gave out are taken. Real WeChat refuses them.
    pub accept_unknown_openids: bool,
    /// Refund answer `NOT_ENOUGH`: whether the number can be used again after topping up (true), or this refund has
    /// failed for good and its number is burnt (false).
    pub not_enough_is_repeatable: bool,
    /// Least time between two refunds of one order; a closer one is answered 429. The documentation asks merchants
    /// for a minute but does not say that it is enforced: 0 switches it off.
    pub refund_spacing_ms: i64,
    /// Whether a refund can be finished already in the answer of the call that creates it.
    pub refund_final_at_once: bool,
    /// Whether the abnormal-refund call may be repeated while its money is on the way.
    pub abnormal_refund_reentrant: bool,
    /// Whether the `id` of a notification stays the same across re-sends.
    pub notification_id_stable: bool,
    /// `resource.associated_data` of notifications: the kind of the resource as in real ones, empty as in the
    /// documentation, or absent.
    pub notification_associated_data: AssociatedData,
    /// Whether notifications carry members no document mentions, which receivers must ignore.
    pub notification_extra_members: bool,
    /// The error for a wrong app secret at the mini-program host: 40125 (not confirmed) or 40001.
    pub wrong_secret_errcode: i64,
    /// Whether `wx.requestPayment` reports a cancel after the cashier showed an error dialog, as seen in the field.
    /// It hides signing mistakes, so it is off by default.
    pub cashier_error_reports_cancel: bool,
    /// Payment codes by APIv3: whether this merchant is offered them. WeChat's guidance of 2026 says that they exist in
    /// API v2 only, its documentation of 2025 describes the calls. Off, they are answered 403 `NO_AUTH`.
    pub codepay_offered: bool,
    /// Payment codes by APIv3: how it is said that the payer is typing the password.
    pub codepay_user_paying: UserPaying,
    /// Payment codes by APIv3: no error list is published. Either the codes of the general table (`AUTH_CODE_INVALID`,
    /// `NOT_ENOUGH`, ...), or 400 `INVALID_REQUEST` for all of them.
    pub codepay_errors: SpecificOrGeneral,
    /// Payment codes by APIv3: whether a `notify_url` in the body is ignored, or refused as any unknown member.
    pub codepay_notify_url_ignored: bool,
    /// Payment codes by APIv3: until when after the order it can be reversed, milliseconds. Seven days with API v2.
    pub codepay_reverse_until_ms: i64,
    /// Payment codes: least time from the charge to a reversal that works while the payer is typing, milliseconds. The
    /// documentation asks for 15 seconds and does not say how an earlier call is refused (`USERPAYING` here).
    pub reverse_wait_ms: i64,
    /// API v2: where the calls that move money out need the merchant's client certificate. Over plain HTTP nobody can
    /// present one, so by default it is asked for over TLS only.
    pub v2_client_certificate: ClientCertificate,
    /// API v2: whether `PARAM_ERROR` and `LACK_PARAMS` come as documented, signed with an `err_code`, or (as widely
    /// seen) as an unsigned `return_code` `FAIL`.
    pub v2_parameter_errors_signed: bool,
    /// API v2: whether texts in answers and notifications are written as CDATA or escaped. Readers must take both.
    pub v2_cdata: bool,
    /// API v2: whether answers carry signed fields no document mentions, which clients must verify and ignore.
    pub v2_extra_fields: bool,
    /// API v2: least age of an order before it can be closed, milliseconds. The documentation asks for five minutes but
    /// does not say how an earlier call is refused (`TRADE_STATE_ERROR` here): 0 switches it off.
    pub v2_close_wait_ms: i64,
    /// API v2: whether closing a closed order is refused with `ORDERCLOSED`, or succeeds again.
    pub v2_repeated_close_refused: bool,
    /// API v2: least time from the first order call to its `time_expire`, milliseconds. Live answers say five minutes
    /// (one for payment codes), the documentation says one.
    pub v2_time_expire_least_ms: i64,
    /// API v2: how many refunds one query answer lists.
    pub v2_refunds_per_page: usize,
    /// API v2: whether a notification counts as accepted only when its answer is the published document byte for byte,
    /// or also when it says the same in another spelling.
    pub v2_exact_answers: bool,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            used_number: UsedNumber::OutTradeNoUsed,
            paid_reorder: SpecificOrGeneral::Specific,
            closed_reorder: SpecificOrGeneral::Specific,
            repeated_prepay: RepeatedPrepay::Fresh,
            close_unknown_order: CloseUnknown::OrderNotExist,
            empty_members_in_unpaid_query: true,
            refund_state_when_accepted: true,
            mch_not_exists_status: 400,
            rate_limit_code: RateLimitCode::FrequencyLimited,
            codes_without_underscores: false,
            notify_url_http: true,
            notify_url_private: true,
            length_unit: LengthUnit::Characters,
            null_members: NullMembers::Refused,
            store_info_all_members: false,
            refuse_nonce_replay: false,
            serial_no_any_case: true,
            clock_window_inclusive: false,
            sign_error_nested: false,
            sign_error_body_characters: 8,
            errors_are_signed: true,
            require_client_headers: false,
            refuse_unknown_serial: false,
            accept_unknown_openids: false,
            not_enough_is_repeatable: true,
            refund_spacing_ms: 0,
            refund_final_at_once: false,
            abnormal_refund_reentrant: true,
            notification_id_stable: true,
            notification_associated_data: AssociatedData::Kind,
            notification_extra_members: false,
            wrong_secret_errcode: 40125,
            cashier_error_reports_cancel: false,
            codepay_offered: true,
            codepay_user_paying: UserPaying::Accepted,
            codepay_errors: SpecificOrGeneral::Specific,
            codepay_notify_url_ignored: false,
            codepay_reverse_until_ms: 7 * 86_400_000,
            reverse_wait_ms: 15_000,
            v2_client_certificate: ClientCertificate::OverTls,
            v2_parameter_errors_signed: false,
            v2_cdata: true,
            v2_extra_fields: false,
            v2_close_wait_ms: 300_000,
            v2_repeated_close_refused: false,
            v2_time_expire_least_ms: 300_000,
            v2_refunds_per_page: 10,
            v2_exact_answers: true,
        }
    }
}

/// The answer to a used number with other parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsedNumber {
    /// 403 `OUT_TRADE_NO_USED`.
    OutTradeNoUsed,
    /// 400 `INVALID_REQUEST`.
    InvalidRequest,
}

/// A code of its own, or the general 400 `INVALID_REQUEST`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpecificOrGeneral {
    /// The code named for the case.
    Specific,
    /// `INVALID_REQUEST`.
    General,
}

/// The prepay id of a repeated order call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RepeatedPrepay {
    /// The same one while it is valid, then a new one.
    SameWhileValid,
    /// A new one every time; the old ones live out their two hours.
    Fresh,
    /// A new one every time; the old ones die, as documented for Native codes.
    FreshInvalidatesOld,
}

/// The answer to closing an unknown number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloseUnknown {
    /// 404 `ORDER_NOT_EXIST`.
    OrderNotExist,
    /// 403 `TRADE_ERROR`.
    TradeError,
    /// 400 `INVALID_REQUEST`.
    InvalidRequest,
    /// 204, as if it had been closed.
    NoContent,
}

/// The code of status 429.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RateLimitCode {
    /// Current pages.
    FrequencyLimited,
    /// Seen elsewhere.
    FrequencyLimitExceed,
    /// Seen elsewhere.
    RatelimitExceeded,
}

impl RateLimitCode {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::FrequencyLimited => "FREQUENCY_LIMITED",
            Self::FrequencyLimitExceed => "FREQUENCY_LIMIT_EXCEED",
            Self::RatelimitExceeded => "RATELIMIT_EXCEEDED",
        }
    }
}

/// The unit of length limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LengthUnit {
    /// Unicode characters.
    Characters,
    /// UTF-8 bytes.
    Bytes,
}

/// What happens to members with the value `null`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NullMembers {
    /// `PARAM_ERROR`.
    Refused,
    /// Taken as absent; the cashier later fails with a general message.
    FailAtCashier,
}

/// Where API v2 asks for the merchant's client certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificate {
    /// Over TLS, where it can be presented.
    OverTls,
    /// Everywhere: over plain HTTP such calls are always refused.
    Always,
    /// Nowhere.
    Never,
}

/// How APIv3 says that the payer of a payment code is typing the password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserPaying {
    /// 202 with the code `USERPAYING`, as in WeChat's general table of codes.
    Accepted,
    /// 200 with the order, whose state is `USERPAYING`. (A reversal, which has no order in its answer: as `error`.)
    State,
    /// 400 with the code `USERPAYING`.
    Error,
}

/// The associated data of a notification's resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AssociatedData {
    /// `transaction` or `refund`.
    Kind,
    /// The empty text.
    Empty,
    /// No such member.
    Absent,
}
