#![doc = include_str!("../README.md")]

mod answers;
mod authorization;
mod bill;
mod certificates;
mod fen_text;
mod http_api;
mod http_text;
mod ids;
mod key_files;
mod keys;
mod mini_program;
mod notification;
mod server;
mod signature;
mod simulator;
mod strict_request;
mod text;
mod time;
mod v2_document;

/// One parser of foreign bytes and what must hold for it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the fuzz target and of its folder of seeds.
    pub name: &'static str,
    /// Checks everything that must hold; panics when something does not.
    pub check: fn(&[u8]),
    /// How many changed copies of its seeds the ordinary tests feed to it. Fewer where one check is slow.
    pub variants: usize,
}

macro_rules! targets {
    ($($module:ident $variants:literal),* $(,)?) => {
        /// All targets.
        pub const TARGETS: &[Target] = &[$(
            Target { name: stringify!($module), check: $module::check, variants: $variants },
        )*];

        $(
            /// Checks one input of the target with this name; panics when a promise is broken.
            pub fn $module(bytes: &[u8]) {
                $module::check(bytes);
            }
        )*
    };
}

targets! {
    answers 3000,
    authorization 3000,
    bill 3000,
    certificates 1000,
    fen_text 4000,
    http_api 1500,
    ids 4000,
    key_files 300,
    mini_program 3000,
    notification 3000,
    signature 3000,
    strict_request 3000,
    text 4000,
    time 4000,
    v2_document 3000,
}
