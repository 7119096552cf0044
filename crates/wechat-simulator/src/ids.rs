//! The numbers and texts WeChat invents, made from a seed and a counter: the same run gives the same ids.

use wechatpay::time::format_beijing;

const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &[u8] = b"0123456789abcdef";
const HEX_UPPER: &[u8] = b"0123456789ABCDEF";

/// A source of ids. Nothing in it is random: whoever owns the simulator passes the seed.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    seed: u64,
    drawn: u64,
    serial: u64,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            drawn: 0,
            serial: 0,
        }
    }

    fn draw(&mut self) -> [u8; 8] {
        self.drawn = self.drawn.wrapping_add(1);
        mix(self.seed ^ self.drawn.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_le_bytes()
    }

    fn text(&mut self, length: usize, alphabet: &[u8]) -> String {
        let mut text = String::with_capacity(length);
        while text.len() < length {
            for byte in self.draw().into_iter().take(length - text.len()) {
                text.push(char::from(alphabet[usize::from(byte) % alphabet.len()]));
            }
        }
        text
    }

    fn next_serial(&mut self) -> u64 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    /// 32 letters and digits, as in `Wechatpay-Nonce`.
    pub(crate) fn nonce(&mut self) -> String {
        self.text(32, ALPHANUMERIC)
    }

    /// 12 letters and digits: the nonce of an encrypted resource.
    pub(crate) fn resource_nonce(&mut self) -> String {
        self.text(12, ALPHANUMERIC)
    }

    /// 36 characters: `wx`, the time in Beijing, 12 drawn and 8 counted hexadecimal digits.
    pub(crate) fn prepay_id(&mut self, now_ms: i64) -> String {
        let drawn = self.text(12, HEX);
        format!("wx{}{drawn}{:08x}", digits(now_ms, 14), self.next_serial())
    }

    /// What the address in a QR code ends with.
    pub(crate) fn link(&mut self) -> String {
        self.text(9, ALPHANUMERIC)
    }

    /// The number in the address a browser follows.
    pub(crate) fn package(&mut self) -> String {
        self.text(10, b"123456789")
    }

    /// 18 digits beginning with 13: what a phone shows at the till.
    pub(crate) fn payment_code(&mut self) -> String {
        format!("13{}", self.text(16, b"0123456789"))
    }

    /// 28 digits beginning with 42.
    pub(crate) fn transaction_id(&mut self, now_ms: i64) -> String {
        let drawn = self.text(6, b"0123456789");
        format!(
            "4200{drawn}{}{:010}",
            digits(now_ms, 8),
            self.next_serial() % 10_000_000_000
        )
    }

    /// 29 digits beginning with 50.
    pub(crate) fn refund_id(&mut self, now_ms: i64) -> String {
        let drawn = self.text(6, b"0123456789");
        format!(
            "5030{drawn}{}{:011}",
            digits(now_ms, 8),
            self.next_serial() % 100_000_000_000
        )
    }

    /// The shape of a UUID, as real notification ids have.
    pub(crate) fn notification_id(&mut self) -> String {
        let hex = self.text(31, HEX);
        format!(
            "{}-{}-5{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..15],
            &hex[15..19],
            &hex[19..31]
        )
    }

    /// `Request-ID`: an opaque part and, after the dash, the numeric result code.
    pub(crate) fn request_id(&mut self, number: u64) -> String {
        format!("08{}-{number}", self.text(42, HEX_UPPER))
    }

    /// The reference number mini-program errors end with.
    pub(crate) fn rid(&mut self) -> String {
        let hex = self.text(24, HEX);
        format!("{}-{}-{}", &hex[..8], &hex[8..16], &hex[16..])
    }

    /// 32 characters beginning with 0, as `wx.login` gives.
    pub(crate) fn login_code(&mut self) -> String {
        format!("0{}", self.text(31, ALPHANUMERIC))
    }

    /// 16 bytes.
    pub(crate) fn session_key(&mut self) -> [u8; 16] {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.draw());
        key[8..].copy_from_slice(&self.draw());
        key
    }

    /// 136 characters, longer than many columns people reserve.
    pub(crate) fn access_token(&mut self) -> String {
        format!("{}_{}", self.serial_digits(), self.text(133, ALPHANUMERIC))
    }

    fn serial_digits(&mut self) -> String {
        format!("{:02}", self.next_serial() % 100)
    }
}

/// The openid of a user inside one app: the same in every run, different for every app.
pub fn openid(appid: &str, user: &str) -> String {
    format!("o{}", name_text(&format!("openid/{appid}/{user}"), 27))
}

/// The unionid of a user: the same for all apps of one open-platform account.
pub fn unionid(platform: &str, user: &str) -> String {
    format!("u{}", name_text(&format!("unionid/{platform}/{user}"), 27))
}

fn name_text(name: &str, length: usize) -> String {
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Ids::new(seed).text(length, ALPHANUMERIC)
}

/// The finishing function of splitmix64: every bit of the input reaches every bit of the output.
pub(crate) fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// The first digits of a time in Beijing: 8 give the day, 14 the second.
fn digits(now_ms: i64, count: usize) -> String {
    format_beijing(now_ms)
        .chars()
        .filter(char::is_ascii_digit)
        .take(count)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_documented_shapes_and_repeat_with_the_seed() {
        let (mut one, mut two) = (Ids::new(7), Ids::new(7));
        assert_eq!(one.nonce(), two.nonce());
        assert_eq!(one.prepay_id(0), two.prepay_id(0));
        assert_eq!(one.prepay_id(0).len(), 36);
        assert_eq!(one.transaction_id(0).len(), 28);
        assert_eq!(one.refund_id(0).len(), 29);
        assert_eq!(one.notification_id().len(), 36);
        assert!(one.prepay_id(0).starts_with("wx19700101080000"));
        assert_ne!(Ids::new(8).nonce(), Ids::new(7).nonce());
    }

    #[test]
    fn an_openid_belongs_to_one_app_and_one_user() {
        assert_eq!(openid("wx1", "a"), openid("wx1", "a"));
        assert_eq!(openid("wx1", "a").len(), 28);
        assert_ne!(openid("wx1", "a"), openid("wx2", "a"));
        assert_ne!(openid("wx1", "a"), openid("wx1", "b"));
    }
}
