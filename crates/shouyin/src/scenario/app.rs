//! The shop's apps at WeChat, each of its own kind.

use serde::Deserialize;
use shouyin_core::product::Product;
use shouyin_server::AppKind;

/// An app of the shop's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ShopApp {
    MiniProgram,
    OfficialAccount,
    MobileApp,
}

impl ShopApp {
    /// Where the shop sells this: products that may be sold in any app are sold in the mini program's name.
    pub(crate) const fn of(product: Product) -> Self {
        match product {
            Product::MiniProgram | Product::Native | Product::H5 | Product::Code => {
                Self::MiniProgram
            }
            Product::Jsapi => Self::OfficialAccount,
            Product::App => Self::MobileApp,
        }
    }

    pub(crate) const fn kind(self) -> AppKind {
        match self {
            Self::MiniProgram => AppKind::MiniProgram,
            Self::OfficialAccount => AppKind::OfficialAccount,
            Self::MobileApp => AppKind::MobileApp,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        self.kind().as_str()
    }
}
