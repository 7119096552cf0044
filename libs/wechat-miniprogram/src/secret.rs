//! Secrets: zeroized when dropped, printed as `***`.

use std::fmt;

use zeroize::Zeroizing;

macro_rules! secret_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Zeroizing<String>);

        impl $name {
            /// Takes the text into keeping.
            pub fn new(text: impl Into<String>) -> Self {
                Self(Zeroizing::new(text.into()))
            }

            /// The text itself, for the one place that needs it.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(***)"))
            }
        }
    };
}

secret_type!(
    /// The app secret of a mini program. It must never be part of the mini program itself.
    AppSecret
);

secret_type!(
    /// The key WeChat and the server share for one user (Base64 of 16 bytes). It must never reach the phone.
    SessionKey
);

secret_type!(
    /// What authenticates calls to WeChat's server interfaces, for at most two hours.
    AccessToken
);

impl AccessToken {
    /// Whether both are the same token.
    pub(crate) fn is(&self, other: &AccessToken) -> bool {
        self.expose() == other.expose()
    }
}
