//! What each switch does.

use super::{Command, CommandAnswer, CommandError};
use crate::book::{AppKind, Merchant, MerchantCertificate};
use crate::heart::Wechat;
use crate::keys::{PlatformCertificate, SigningMode};
use crate::log::Entry;

impl Wechat {
    pub(crate) fn control(&mut self, command: Command) -> Result<CommandAnswer, CommandError> {
        if !matches!(command, Command::SetWireOffset { .. }) {
            // The debug text of a command holds no secret: keys print as ***.
            let note = self.log.is_on().then(|| format!("{command:?}"));
            self.log.add(self.now_ms, || Entry {
                kind: "control",
                note,
                ..Entry::default()
            });
        }
        self.throw(command)
    }

    fn throw(&mut self, command: Command) -> Result<CommandAnswer, CommandError> {
        match command {
            Command::AddApp(app) => {
                self.book.apps.insert(app.appid.clone(), app);
            }
            Command::AddMerchant(merchant) => {
                self.book
                    .merchants
                    .insert(merchant.mchid.clone(), *merchant);
            }
            Command::LoginCode { appid, user } => {
                let kind = self.book.kind(&appid);
                if self.book.apps.contains_key(&appid) && kind != AppKind::MiniProgram {
                    let why = format!("wx.login is for mini programs, {appid} is a {kind:?}");
                    return Err(CommandError::Refused(why));
                }
                let (code, openid) = self
                    .make_login_code(&appid, &user)
                    .ok_or_else(|| CommandError::Unknown(format!("app {appid}")))?;
                return Ok(CommandAnswer::LoginCode { code, openid });
            }
            Command::PaymentCode {
                user,
                story,
                after_ms,
            } => {
                let code = self.make_payment_code(user, story, after_ms);
                return Ok(CommandAnswer::PaymentCode(code));
            }
            Command::SetAppKind { appid, kind } => {
                if !self.book.apps.contains_key(&appid) {
                    return Err(CommandError::Unknown(format!("app {appid}")));
                }
                self.book.kinds.insert(appid, kind);
            }
            Command::DecideCode { auth_code, pays } => {
                if !self.book.payment_codes.contains_key(&auth_code) {
                    return Err(CommandError::Unknown("such payment code".to_owned()));
                }
                if !self.decide_shown_code(&auth_code, pays) {
                    let why = "nobody asks the owner of this code for a password";
                    return Err(CommandError::Refused(why.to_owned()));
                }
            }
            Command::AddFault(fault) => self.faults.add(fault),
            Command::ClearFaults => self.faults.clear(),
            Command::SetAssumptions(assumptions) => self.assumptions = *assumptions,
            Command::SetWireOffset { offset_ms } => self.wire_offset_ms = offset_ms,
            Command::Forge { order, flaw } => {
                self.forge(&order, flaw)
                    .ok_or_else(|| CommandError::Unknown(format!("order {}", order.1)))?;
            }
            Command::Resend { delivery } => {
                if !self.resend(delivery) {
                    return Err(CommandError::Unknown(format!("delivery {delivery}")));
                }
            }
            Command::Replay { delivery, url } => {
                self.replay(delivery, url)
                    .ok_or_else(|| CommandError::Unknown(format!("sent delivery {delivery}")))?;
            }
            Command::Misreport {
                order,
                out_refund_no,
                changes,
            } => {
                self.misreport(&order, out_refund_no.as_deref(), &changes)
                    .ok_or_else(|| {
                        let refund = out_refund_no.map(|number| format!(" with refund {number}"));
                        CommandError::Unknown(format!(
                            "order {}{}",
                            order.1,
                            refund.unwrap_or_default()
                        ))
                    })?;
            }
            Command::ConsoleRefund {
                order,
                amount,
                out_refund_no,
            } => {
                let number = self
                    .console_refund(&order, amount, out_refund_no)
                    .map_err(|refusal| CommandError::Refused(refusal.message))?;
                return Ok(CommandAnswer::Refund(number));
            }
            Command::ReplaceToken { appid } => {
                if !self.book.apps.contains_key(&appid) {
                    return Err(CommandError::Unknown(format!("app {appid}")));
                }
                self.replace_token(&appid);
            }
            Command::PhoneCode { appid, user } => {
                let code = self
                    .make_phone_code(&appid, &user)
                    .ok_or_else(|| CommandError::Unknown(format!("app {appid}")))?;
                return Ok(CommandAnswer::PhoneCode(code));
            }
            Command::FinishRefund { refund, end } => {
                if !self.book.refunds.contains_key(&refund) {
                    return Err(CommandError::Unknown(format!("refund {}", refund.1)));
                }
                self.finish_refund(&refund, end);
            }
            of_merchant @ (Command::Bind { .. }
            | Command::SetSigningMode { .. }
            | Command::SetPublicKey { .. }
            | Command::AddCertificate { .. }
            | Command::UseCertificate { .. }
            | Command::WithdrawCertificate { .. }
            | Command::SetApiV3Key { .. }
            | Command::SetApiKey { .. }
            | Command::AddMerchantCertificate { .. }
            | Command::ReplaceMerchantCertificate { .. }
            | Command::SetRefundNotifyUrl { .. }
            | Command::SetBalance { .. }) => self.change_merchant(of_merchant)?,
        }
        Ok(CommandAnswer::Done)
    }

    fn change_merchant(&mut self, command: Command) -> Result<(), CommandError> {
        match command {
            Command::Bind {
                mchid,
                appid,
                bound,
            } => {
                let merchant = self.merchant_mut(&mchid)?;
                if bound {
                    merchant.apps.insert(appid);
                } else {
                    merchant.apps.remove(&appid);
                }
            }
            Command::SetSigningMode { mchid, mode } => {
                self.merchant_mut(&mchid)?.platform.mode = mode
            }
            Command::SetPublicKey { mchid, key } => {
                self.merchant_mut(&mchid)?.platform.public_key = Some(key);
            }
            Command::AddCertificate { mchid, certificate } => {
                let platform = &mut self.merchant_mut(&mchid)?.platform;
                let serial_no = certificate.key.signer.serial_no().to_owned();
                platform.current_certificate.get_or_insert(serial_no);
                platform.certificates.push(*certificate);
            }
            Command::UseCertificate { mchid, serial_no } => {
                let platform = &mut self.merchant_mut(&mchid)?.platform;
                find_certificate(&platform.certificates, &serial_no)?;
                platform.current_certificate = Some(serial_no);
            }
            Command::WithdrawCertificate { mchid, serial_no } => {
                let platform = &mut self.merchant_mut(&mchid)?.platform;
                let index = find_certificate(&platform.certificates, &serial_no)?;
                platform.certificates.remove(index);
            }
            Command::SetApiV3Key { mchid, key } => self.merchant_mut(&mchid)?.api_v3_key = key,
            Command::SetApiKey { mchid, key } => self.merchant_mut(&mchid)?.api_key = key,
            Command::AddMerchantCertificate {
                mchid,
                serial_no,
                key,
            } => {
                let certificate = MerchantCertificate {
                    key,
                    replaced: false,
                };
                self.merchant_mut(&mchid)?
                    .certificates
                    .insert(serial_no, certificate);
            }
            Command::ReplaceMerchantCertificate { mchid, serial_no } => {
                self.merchant_mut(&mchid)?
                    .certificates
                    .get_mut(&serial_no)
                    .ok_or_else(|| CommandError::Unknown(format!("certificate {serial_no}")))?
                    .replaced = true;
            }
            Command::SetBalance { mchid, balance } => self.merchant_mut(&mchid)?.balance = balance,
            Command::SetRefundNotifyUrl { mchid, url } => {
                self.merchant_mut(&mchid)?.refund_notify_url = url;
            }
            Command::AddApp(_)
            | Command::AddMerchant(_)
            | Command::LoginCode { .. }
            | Command::PaymentCode { .. }
            | Command::SetAppKind { .. }
            | Command::DecideCode { .. }
            | Command::AddFault(_)
            | Command::ClearFaults
            | Command::SetAssumptions(_)
            | Command::Forge { .. }
            | Command::Resend { .. }
            | Command::Replay { .. }
            | Command::Misreport { .. }
            | Command::ConsoleRefund { .. }
            | Command::ReplaceToken { .. }
            | Command::PhoneCode { .. }
            | Command::FinishRefund { .. }
            | Command::SetWireOffset { .. } => {}
        }
        Ok(())
    }

    fn merchant_mut(&mut self, mchid: &str) -> Result<&mut Merchant, CommandError> {
        self.book
            .merchants
            .get_mut(mchid)
            .ok_or_else(|| CommandError::Unknown(format!("merchant {mchid}")))
    }

    /// Moves from certificate to public key or back, whichever the merchant has.
    pub(crate) fn switch_to_other_key(&mut self, mchid: &str) {
        let Some(merchant) = self.book.merchants.get_mut(mchid) else {
            return;
        };
        let platform = &mut merchant.platform;
        platform.mode = match platform.mode {
            SigningMode::PublicKey if !platform.certificates.is_empty() => SigningMode::Certificate,
            SigningMode::Certificate | SigningMode::Switching { .. }
                if platform.public_key.is_some() =>
            {
                SigningMode::PublicKey
            }
            SigningMode::PublicKey | SigningMode::Certificate | SigningMode::Switching { .. } => {
                platform.mode
            }
        };
    }
}

fn find_certificate(
    certificates: &[PlatformCertificate],
    serial_no: &str,
) -> Result<usize, CommandError> {
    certificates
        .iter()
        .position(|certificate| certificate.key.signer.serial_no() == serial_no)
        .ok_or_else(|| CommandError::Unknown(format!("certificate {serial_no}")))
}
