//! The ways to pay that merchants of a run offer, drawn apart from everything else about the day.

use shouyin_core::product::Product;
use wechat_simulator::TradeType;

use crate::random::Stream;

/// What merchants offer, each way as often as it stands there. The ways in which a payer gets a handle differ little from
/// each other, and payment codes from all of them.
const OF_EVERY_KIND: [Product; 8] = [
    Product::MiniProgram,
    Product::Jsapi,
    Product::Native,
    Product::App,
    Product::H5,
    Product::Code,
    Product::Code,
    Product::MiniProgram,
];

/// What a merchant sells by who sells in mini programs only.
pub(crate) fn mini_program() -> Vec<Product> {
    vec![Product::MiniProgram]
}

/// What one merchant sells by: half of them in mini programs, as most did when this began; the others in one other way, or in all.
pub(crate) fn offered(stream: &mut Stream) -> Vec<Product> {
    match stream.below(8) {
        0..4 => mini_program(),
        4 => vec![Product::Code],
        5 => {
            let others = [Product::Jsapi, Product::Native, Product::App, Product::H5];
            let which = usize::try_from(stream.below(4)).unwrap_or(0);
            others.get(which).map_or_else(mini_program, |it| vec![*it])
        }
        _ => OF_EVERY_KIND.to_vec(),
    }
}

/// As WeChat calls it. Written out once more instead of asked of the product.
pub(crate) const fn at_wechat(product: Product) -> TradeType {
    match product {
        Product::MiniProgram | Product::Jsapi => TradeType::Jsapi,
        Product::Native => TradeType::Native,
        Product::App => TradeType::App,
        Product::H5 => TradeType::Mweb,
        Product::Code => TradeType::Micropay,
    }
}
