//! What is done, in both languages.

use super::{map, members, shown, yuan};
use crate::scenario::step::Step;

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a step without words is found by the test below"
)]
pub(super) fn words(step: &Step) -> (String, String) {
    use Step as S;
    match step {
        S::Create(it) => (
            format!(
                "the shop asks to be paid {} yuan for {}",
                yuan(it.fen),
                it.create
            ),
            format!("商户为 {} 请求支付 {} 元", it.create, yuan(it.fen)),
        ),
        S::Revise(it) => {
            let what = members([
                ("fen", shown(it.fen.as_ref())),
                ("description", it.description.clone()),
                ("attach", it.attach.clone()),
            ]);
            (
                format!("the shop changes {}: {what}", it.revise),
                format!("商户修改 {}：{what}", it.revise),
            )
        }
        S::Close(it) => (
            format!("the shop closes {}", it.close),
            format!("商户关闭 {}", it.close),
        ),
        S::Sync(it) => (
            format!("the shop asks where {} stands", it.sync),
            format!("商户查询 {} 的最新状态", it.sync),
        ),
        S::Refund(it) => {
            let fen = it.fen.map_or_else(|| "*".to_owned(), yuan);
            let times = if it.times > 1 {
                format!(" × {}", it.times)
            } else {
                String::new()
            };
            (
                format!(
                    "the shop refunds {fen} yuan of {} as {}{times}",
                    it.refund, it.no
                ),
                format!("商户从 {} 退款 {fen} 元，单号 {}{times}", it.refund, it.no),
            )
        }
        S::SyncRefund(it) => (
            format!("the shop asks where refund {} stands", it.sync_refund),
            format!("商户查询退款 {} 的最新状态", it.sync_refund),
        ),
        S::Remedy(it) => (
            format!(
                "the shop chooses another way for refund {}: {}",
                it.remedy, it.to
            ),
            format!("商户为异常退款 {} 另选方式：{}", it.remedy, it.to),
        ),
        S::Endpoint(it) => {
            let url = it.url.as_deref().unwrap_or("");
            (
                format!("the shop registers webhook endpoint {} {url}", it.endpoint),
                format!("商户登记 webhook 端点 {} {url}", it.endpoint),
            )
        }
        S::SendAgain(it) => (
            format!("the shop wants its webhooks to {} again", it.send_again),
            format!("商户要求重发 {} 的 webhook", it.send_again),
        ),
        S::Enable(it) => (
            format!("the shop switches endpoint {} on again", it.enable),
            format!("商户重新启用端点 {}", it.enable),
        ),
        S::RotateSecret(it) => (
            format!(
                "the shop rotates the secret of {}, both valid for {}",
                it.rotate_secret, it.overlap
            ),
            format!(
                "商户轮换 {} 的密钥，新旧并存 {}",
                it.rotate_secret, it.overlap
            ),
        ),
        S::RunDay(it) => (
            format!("the shop has {} compared again", it.run_day),
            format!("商户要求重新对账 {}", it.run_day),
        ),
        S::Login(it) => (
            format!(
                "{} {}",
                it.login,
                if it.again {
                    "logs in with the same code again"
                } else {
                    "logs in"
                }
            ),
            format!(
                "{} {}",
                it.login,
                if it.again {
                    "用同一个 code 再次登录"
                } else {
                    "登录"
                }
            ),
        ),
        S::Tap(it) => {
            let times = if it.times > 1 {
                format!(" × {}", it.times)
            } else {
                String::new()
            };
            (
                format!("{} taps \"pay\" for {}{times}", it.by, it.tap),
                format!("{} 点击支付 {}{times}", it.by, it.tap),
            )
        }
        S::Answered(_) => (
            "the request sent earlier is answered".to_owned(),
            "先前的请求得到应答".to_owned(),
        ),
        S::Pay(it) => (
            format!("{} in WeChat, for {}: {}", it.by, it.pay, it.action),
            format!("{} 在微信中为 {} 操作：{}", it.by, it.pay, it.action),
        ),
        S::Confirm(it) => (
            format!("somebody asks for {} whether {} is paid", it.by, it.confirm),
            format!("代 {} 询问 {} 是否已支付", it.by, it.confirm),
        ),
        S::ShowCode(_) | S::Scan(_) | S::Decide(_) => till(step),
        S::PhoneNumber(it) => (
            format!(
                "the phone number of {} is fetched with the access token",
                it.phone_number
            ),
            format!("用 access_token 换取 {} 的手机号", it.phone_number),
        ),
        S::FaultSwitch(_)
        | S::ClearFaults(_)
        | S::Assume(_)
        | S::Forge(_)
        | S::Replay(_)
        | S::SendNotificationAgain(_)
        | S::Misreport(_)
        | S::ConsoleRefund(_)
        | S::FinishRefund(_)
        | S::SetBalance(_)
        | S::SignWith(_)
        | S::Rotate(_)
        | S::NewKey(_)
        | S::NewCertificate(_)
        | S::PrimaryDomain(_)
        | S::Release(_)
        | S::ReplaceToken(_) => switch(step),
        S::Wait(_)
        | S::Freeze(_)
        | S::Kill(_)
        | S::Start(_)
        | S::Disk(_)
        | S::Database(_)
        | S::OurClock(_)
        | S::Backup(_)
        | S::Restore(_)
        | S::Receiver(_) => machine(step),
        _ => (String::new(), String::new()),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a step without words is found by the test below"
)]
fn till(step: &Step) -> (String, String) {
    use Step as S;
    match step {
        S::ShowCode(it) => {
            let story = members([
                ("story", it.story.clone()),
                ("after", shown(it.after.as_ref())),
            ]);
            (
                format!("{}'s phone shows a payment code {story}", it.show_code),
                format!("{} 的手机出示付款码 {story}", it.show_code),
            )
        }
        S::Scan(it) => {
            let detail = members([
                ("code", it.code.clone()),
                ("again", it.again.then(|| "true".to_owned())),
            ]);
            (
                format!("the till scans {}'s code for {} {detail}", it.by, it.scan),
                format!("收银台为 {} 扫 {} 的付款码 {detail}", it.scan, it.by),
            )
        }
        S::Decide(it) => match (it.nobody_asks, it.pays) {
            (true, _) => (
                format!(
                    "{}'s phone does not ask for the password any more",
                    it.decide
                ),
                format!("{} 的手机不再要求输入密码", it.decide),
            ),
            (false, true) => (
                format!("{} types the password", it.decide),
                format!("{} 输入密码", it.decide),
            ),
            (false, false) => (
                format!("{} refuses to pay", it.decide),
                format!("{} 拒绝支付", it.decide),
            ),
        },
        _ => (String::new(), String::new()),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a step without words is found by the test below"
)]
fn switch(step: &Step) -> (String, String) {
    use Step as S;
    match step {
        S::FaultSwitch(it) => {
            let at = it.at.as_deref().unwrap_or("*");
            let detail = members([
                ("of", it.of.clone()),
                ("delay", shown(it.delay.as_ref())),
                ("code", it.code.clone()),
            ]);
            (
                format!(
                    "WeChat's switch: {} at {at}, {} × {detail}",
                    it.fault, it.times
                ),
                format!("微信侧开关：{} 于 {at}，{} 次 {detail}", it.fault, it.times),
            )
        }
        S::ClearFaults(_) => ("all switches back".to_owned(), "关闭所有开关".to_owned()),
        S::Assume(it) => (
            format!("WeChat behaves so: {}", map(&it.assume)),
            format!("微信的行为设为：{}", map(&it.assume)),
        ),
        S::Forge(it) => (
            format!("somebody who is not WeChat says that {} is paid", it.forge),
            format!("有人冒充微信通知 {} 已支付", it.forge),
        ),
        S::Replay(it) => {
            let to = it.to.as_deref().unwrap_or("");
            (
                format!(
                    "somebody sends the genuine notification of {} again, byte for byte {to}",
                    it.replay
                ),
                format!("有人逐字节重放 {} 的真通知 {to}", it.replay),
            )
        }
        S::SendNotificationAgain(it) => (
            format!(
                "WeChat sends its notification about {} again",
                it.notify_again
            ),
            format!("微信再次发送 {} 的通知", it.notify_again),
        ),
        S::Misreport(it) => (
            format!(
                "WeChat itself reports {} with {}",
                it.misreport,
                map(&it.says)
            ),
            format!("微信自己通知 {}，内容为 {}", it.misreport, map(&it.says)),
        ),
        S::ConsoleRefund(it) => (
            format!(
                "somebody refunds {} yuan of {} in WeChat's console",
                yuan(it.fen),
                it.console_refund
            ),
            format!(
                "有人在商户平台为 {} 手工退款 {} 元",
                it.console_refund,
                yuan(it.fen)
            ),
        ),
        S::FinishRefund(it) => {
            let to = it.to.as_deref().unwrap_or("");
            (
                format!("the bank ends refund {} {to}", it.finish_refund),
                format!("银行结束退款 {} {to}", it.finish_refund),
            )
        }
        S::SetBalance(it) => (
            format!("the merchant's balance at WeChat is {} fen", it.balance),
            format!("商户在微信的余额为 {} 分", it.balance),
        ),
        S::SignWith(it) => (
            format!("WeChat signs with: {}", it.sign_with),
            format!("微信改用此密钥签名：{}", it.sign_with),
        ),
        S::Rotate(it) => (
            format!("platform certificates: {}", it.rotate),
            format!("平台证书轮换：{}", it.rotate),
        ),
        S::NewKey(_) => (
            "the merchant sets a new key at WeChat".to_owned(),
            "商户在微信更换密钥".to_owned(),
        ),
        S::NewCertificate(_) => (
            "the merchant replaces its API certificate at WeChat".to_owned(),
            "商户在微信更换 API 证书".to_owned(),
        ),
        S::PrimaryDomain(it) => (
            format!("WeChat's first domain is {}", it.primary_domain),
            format!("微信主域名：{}", it.primary_domain),
        ),
        S::Release(_) => (
            "held answers are released".to_owned(),
            "放行被扣住的应答".to_owned(),
        ),
        S::ReplaceToken(_) => (
            "another server of the shop forces a new access token".to_owned(),
            "商户的另一台服务器强制刷新 access_token".to_owned(),
        ),
        _ => (String::new(), String::new()),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a step without words is found by the test below"
)]
fn machine(step: &Step) -> (String, String) {
    use Step as S;
    match step {
        S::Wait(it) => (format!("{} pass", it.wait), format!("过去 {}", it.wait)),
        S::Freeze(it) => (
            format!("our process will stop dead {} number {}", it.freeze, it.nth),
            format!("我们的进程将停在第 {} 次 {}", it.nth, it.freeze),
        ),
        S::Kill(_) => ("our process dies".to_owned(), "我们的进程被杀死".to_owned()),
        S::Start(it) => {
            if it.new_keys {
                (
                    "our process starts with the new keys".to_owned(),
                    "我们的进程带新密钥启动".to_owned(),
                )
            } else {
                ("our process starts".to_owned(), "我们的进程启动".to_owned())
            }
        }
        S::Disk(it) => (
            format!("our disk is {}", it.disk),
            format!("我们的磁盘：{}", it.disk),
        ),
        S::Database(it) => (
            format!("our database is {}", it.database),
            format!("我们的数据库：{}", it.database),
        ),
        S::OurClock(it) => {
            let by = it.by.unwrap_or_default();
            (
                format!("our machine's clock is {} ({by})", it.our_clock),
                format!("我们机器的时钟：{}（{by}）", it.our_clock),
            )
        }
        S::Backup(_) => (
            "the database is backed up".to_owned(),
            "备份数据库".to_owned(),
        ),
        S::Restore(_) => (
            "the database is lost; the backup takes its place".to_owned(),
            "数据库丢失，用备份恢复".to_owned(),
        ),
        S::Receiver(it) => (
            format!("the shop's receiver {}: {}", it.receiver, it.does),
            format!("商户的接收端 {}：{}", it.receiver, it.does),
        ),
        _ => (String::new(), String::new()),
    }
}
