//! Which operation a request is for.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::message::WireRequest;
use crate::order::TradeType;
use crate::v2::Call;

/// What can be asked of WeChat, and what WeChat sends by itself. Faults are scoped by these names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `POST /v3/pay/transactions/jsapi`, `/native`, `/app` and `/h5`, `POST /pay/unifiedorder`
    Prepay,
    /// Both order queries.
    Query,
    /// Closing an order.
    Close,
    /// `POST /v3/refund/domestic/refunds`
    Refund,
    /// `GET /v3/refund/domestic/refunds/{out_refund_no}`
    RefundQuery,
    /// `POST /v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund`
    AbnormalRefund,
    /// `GET /v3/certificates`
    Certificates,
    /// `GET /sns/jscode2session`
    Login,
    /// `POST /cgi-bin/stable_token`
    StableToken,
    /// `GET /cgi-bin/token`
    Token,
    /// `POST /wxa/business/getuserphonenumber`
    PhoneNumber,
    /// `GET /connect/oauth2/authorize`, opened by a browser inside WeChat
    Authorize,
    /// `GET /sns/oauth2/access_token`
    PageLogin,
    /// `POST /v3/pay/transactions/codepay`, `POST /pay/micropay`
    Micropay,
    /// `POST /v3/pay/transactions/out-trade-no/{out_trade_no}/reverse`, `POST /secapi/pay/reverse`
    Reverse,
    /// API v2: `POST /tools/authcodetoopenid`
    AuthCodeToOpenid,
    /// `GET /v3/bill/tradebill`, `GET /v3/bill/fundflowbill`; API v2: both files of a day.
    Bill,
    /// `GET /v3/billdownload/file`
    BillFile,
    /// API v2: `POST /payitil/report`
    Report,
    /// A payment notification leaving.
    PaymentNotification,
    /// A refund notification leaving.
    RefundNotification,
}

impl Operation {
    /// The name in faults and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prepay => "prepay",
            Self::Query => "query",
            Self::Close => "close",
            Self::Refund => "refund",
            Self::RefundQuery => "refund_query",
            Self::AbnormalRefund => "abnormal_refund",
            Self::Certificates => "certificates",
            Self::Login => "login",
            Self::StableToken => "stable_token",
            Self::Token => "token",
            Self::PhoneNumber => "phone_number",
            Self::Authorize => "authorize",
            Self::PageLogin => "page_login",
            Self::Micropay => "micropay",
            Self::Reverse => "reverse",
            Self::AuthCodeToOpenid => "auth_code_to_openid",
            Self::Bill => "bill",
            Self::BillFile => "bill_file",
            Self::Report => "report",
            Self::PaymentNotification => "payment_notification",
            Self::RefundNotification => "refund_notification",
        }
    }
}

/// A request that was recognised, with the number in its path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Route {
    Prepay(TradeType),
    CodePay,
    Reverse(String),
    QueryByOutTradeNo(String),
    QueryById(String),
    Close(String),
    CreateRefund,
    QueryRefund(String),
    AbnormalRefund(String),
    Certificates,
    TradeBill,
    FundFlowBill,
    BillFile,
    Code2Session,
    StableToken,
    AccessToken,
    PhoneNumber,
    Authorize,
    PageLogin,
    /// Whatever the method: this protocol has its own way to refuse another than POST.
    V2(Call),
}

impl Route {
    pub(crate) fn operation(&self) -> Operation {
        match self {
            Self::Prepay(_) => Operation::Prepay,
            Self::CodePay => Operation::Micropay,
            Self::Reverse(_) => Operation::Reverse,
            Self::QueryByOutTradeNo(_) | Self::QueryById(_) => Operation::Query,
            Self::Close(_) => Operation::Close,
            Self::CreateRefund => Operation::Refund,
            Self::QueryRefund(_) => Operation::RefundQuery,
            Self::AbnormalRefund(_) => Operation::AbnormalRefund,
            Self::Certificates => Operation::Certificates,
            Self::TradeBill | Self::FundFlowBill => Operation::Bill,
            Self::BillFile => Operation::BillFile,
            Self::Code2Session => Operation::Login,
            Self::StableToken => Operation::StableToken,
            Self::AccessToken => Operation::Token,
            Self::PhoneNumber => Operation::PhoneNumber,
            Self::Authorize => Operation::Authorize,
            Self::PageLogin => Operation::PageLogin,
            Self::V2(call) => call.operation(),
        }
    }

    /// Whether it belongs to the mini-program host, where errors are HTTP 200 with an `errcode`.
    pub(crate) fn is_mini_program(&self) -> bool {
        matches!(
            self,
            Self::Code2Session
                | Self::StableToken
                | Self::AccessToken
                | Self::PhoneNumber
                | Self::PageLogin
        )
    }
}

/// What a request line led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    Route(Route),
    /// No such path at this host.
    NoPath {
        mini_program: bool,
    },
    /// The path exists for another method.
    OtherMethod,
}

pub(crate) fn find(request: &WireRequest) -> Found {
    let Some(path) = request.path().strip_prefix('/') else {
        return Found::NoPath {
            mini_program: false,
        };
    };
    let segments: Vec<String> = path
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let Some(call) = Call::find(&segments) {
        return Found::Route(Route::V2(call));
    }
    let (method, route) = match segments.as_slice() {
        ["v3", "pay", "transactions", "jsapi"] => ("POST", Route::Prepay(TradeType::Jsapi)),
        ["v3", "pay", "transactions", "native"] => ("POST", Route::Prepay(TradeType::Native)),
        ["v3", "pay", "transactions", "app"] => ("POST", Route::Prepay(TradeType::App)),
        ["v3", "pay", "transactions", "h5"] => ("POST", Route::Prepay(TradeType::Mweb)),
        ["v3", "pay", "transactions", "codepay"] => ("POST", Route::CodePay),
        ["v3", "pay", "transactions", "out-trade-no", number] => {
            ("GET", Route::QueryByOutTradeNo((*number).to_owned()))
        }
        ["v3", "pay", "transactions", "id", id] => ("GET", Route::QueryById((*id).to_owned())),
        ["v3", "pay", "transactions", "out-trade-no", number, "close"] => {
            ("POST", Route::Close((*number).to_owned()))
        }
        [
            "v3",
            "pay",
            "transactions",
            "out-trade-no",
            number,
            "reverse",
        ] => ("POST", Route::Reverse((*number).to_owned())),
        ["v3", "refund", "domestic", "refunds"] => ("POST", Route::CreateRefund),
        ["v3", "refund", "domestic", "refunds", number] => {
            ("GET", Route::QueryRefund((*number).to_owned()))
        }
        [
            "v3",
            "refund",
            "domestic",
            "refunds",
            id,
            "apply-abnormal-refund",
        ] => ("POST", Route::AbnormalRefund((*id).to_owned())),
        ["v3", "certificates"] => ("GET", Route::Certificates),
        ["connect", "oauth2", "authorize"] => ("GET", Route::Authorize),
        ["sns", "oauth2", "access_token"] => ("GET", Route::PageLogin),
        ["v3", "bill", "tradebill"] => ("GET", Route::TradeBill),
        ["v3", "bill", "fundflowbill"] => ("GET", Route::FundFlowBill),
        ["v3", "billdownload", "file"] => ("GET", Route::BillFile),
        ["sns", "jscode2session"] => ("GET", Route::Code2Session),
        ["cgi-bin", "stable_token"] => ("POST", Route::StableToken),
        ["cgi-bin", "token"] => ("GET", Route::AccessToken),
        ["wxa", "business", "getuserphonenumber"] => ("POST", Route::PhoneNumber),
        [first, ..] => {
            return Found::NoPath {
                mini_program: matches!(*first, "sns" | "cgi-bin" | "wxa"),
            };
        }
        [] => {
            return Found::NoPath {
                mini_program: false,
            };
        }
    };
    if request.method == method {
        Found::Route(route)
    } else {
        Found::OtherMethod
    }
}

/// The decoded value of a query parameter; a repeated one counts as its first.
pub(crate) fn query_parameter(target: &str, name: &str) -> Option<String> {
    let (_, query) = target.split_once('?')?;
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key) == name).then(|| decode(value))
    })
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_target(method: &str, target: &str) -> Found {
        find(&WireRequest {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            connection: crate::message::Connection::Plain,
        })
    }

    /// Found by fuzzing: the first word of a path was passed over, whatever it was.
    #[test]
    fn a_path_begins_with_a_slash() {
        for target in [
            "x/connect/oauth2/authorize",
            "x/v3/certificates",
            "v3/certificates",
            "",
        ] {
            let nothing = Found::NoPath {
                mini_program: false,
            };
            assert_eq!(find_target("GET", target), nothing, "{target:?}");
        }
    }

    #[test]
    fn numbers_in_paths_are_decoded() {
        let target = "/v3/pay/transactions/out-trade-no/A%7CB*1_2-3?mchid=1900007291";
        assert_eq!(
            find_target("GET", target),
            Found::Route(Route::QueryByOutTradeNo("A|B*1_2-3".to_owned()))
        );
        assert_eq!(
            query_parameter(target, "mchid").as_deref(),
            Some("1900007291")
        );
        assert_eq!(query_parameter(target, "other"), None);
        assert_eq!(
            query_parameter("/a?x=1+2%20&y", "x").as_deref(),
            Some("1 2 ")
        );
        assert_eq!(query_parameter("/a?x=1&y", "y").as_deref(), Some(""));
    }

    #[test]
    fn other_paths_and_methods_are_not_found() {
        assert_eq!(
            find_target("GET", "/v3/pay/transactions/jsapi"),
            Found::OtherMethod
        );
        assert_eq!(
            find_target("GET", "/v3/x"),
            Found::NoPath {
                mini_program: false
            }
        );
        assert_eq!(
            find_target("GET", "/wxa/x"),
            Found::NoPath { mini_program: true }
        );
        assert_eq!(
            find_target("GET", ""),
            Found::NoPath {
                mini_program: false
            }
        );
    }
}
