//! The list of all scenarios, for the terminal and for the docs.

use std::fmt::Write;

use anyhow::anyhow;
use shouyin_core::product::Product;

use super::file::Scenario;
use super::library::{self, Row};
use super::variant::{Protocol, Wanted};
use super::words::Lang;

/// Scenarios by row; rows without any say why.
fn by_row() -> anyhow::Result<Vec<(&'static Row, Vec<Scenario>)>> {
    let all = library::all().map_err(|why| anyhow!(why))?;
    let of = |row: &Row| {
        let fits = |scenario: &&Scenario| scenario.catalogue == row.name;
        all.iter().filter(fits).cloned().collect()
    };
    Ok(library::rows().iter().map(|row| (row, of(row))).collect())
}

fn why_en(scenario: &Scenario) -> String {
    let why = scenario.why_only.as_ref();
    why.map_or_else(String::new, |why| {
        format!(" ({} only: {})", scenario.protocols(), why.en)
    })
}

fn why_zh(scenario: &Scenario) -> String {
    let why = scenario.why_only.as_ref();
    why.map_or_else(String::new, |why| {
        format!("（仅 {}：{}）", scenario.protocols(), why.zh)
    })
}

/// How the shop sells in it: all ways, all but those that are fewer, or their names.
fn products(scenario: &Scenario, lang: Lang) -> String {
    let played = scenario.products();
    let names = |all: Vec<Product>| {
        let all: Vec<&str> = all.into_iter().map(Product::as_str).collect();
        all.join(", ")
    };
    let missing = Product::ALL.into_iter().filter(|it| !played.contains(it));
    let missing: Vec<Product> = missing.collect();
    match (missing.len(), lang) {
        (0, Lang::En) => "all".to_owned(),
        (0, Lang::Zh) => "全部".to_owned(),
        (1 | 2, Lang::En) => format!("all but {}", names(missing)),
        (1 | 2, Lang::Zh) => format!("除 {} 外", names(missing)),
        _ => names(played),
    }
}

/// The text with spaces behind it, as wide as that on a terminal: a Chinese character takes two places.
fn padded(text: &str, width: usize) -> String {
    let spaces = width.saturating_sub(places(text));
    format!("{text}{}", " ".repeat(spaces))
}

fn places(text: &str) -> usize {
    text.chars()
        .map(|c| if c > '\u{2e80}' { 2 } else { 1 })
        .sum()
}

/// All scenarios with one line each.
pub(crate) fn terminal(lang: Lang) -> anyhow::Result<String> {
    let mut text = String::new();
    let rows = by_row()?;
    let all = || rows.iter().flat_map(|(_, all)| all);
    let width = all().map(|it| it.name.len()).max().unwrap_or(0);
    let sold = all()
        .map(|it| places(&products(it, lang)))
        .max()
        .unwrap_or(0);
    let by = "v3, v2".len();
    for (row, scenarios) in rows {
        let title = match lang {
            Lang::En => &row.en,
            Lang::Zh => &row.zh,
        };
        writeln!(text, "{title}")?;
        if let Some(without) = &row.without {
            writeln!(text, "  ({without})")?;
        }
        for scenario in scenarios {
            let (about, why) = match lang {
                Lang::En => (&scenario.about, why_en(&scenario)),
                Lang::Zh => (&scenario.about_zh, why_zh(&scenario)),
            };
            let protocols = scenario.protocols();
            let products = padded(&products(&scenario, lang), sold);
            writeln!(
                text,
                "  {:width$}  {protocols:by$}  {products}  {about}{why}",
                scenario.name
            )?;
        }
    }
    writeln!(
        text,
        "\n{}",
        match lang {
            Lang::En =>
                "Run one: shouyin simulator scenario NAME [--protocol v2] [--product native]    Run all: shouyin simulator scenario --all",
            Lang::Zh =>
                "运行一个：shouyin simulator scenario 名称 [--protocol v2] [--product native]    全部运行：shouyin simulator scenario --all",
        }
    )?;
    Ok(text)
}

const HEAD: &str = r#"# Scenarios / 场景

<!-- Made by `cargo run -- simulator scenario --markdown`; a test compares. -->

Everything that can go wrong between a shop, its payers and WeChat Pay, each played by the real server against the simulator, over
real HTTP, on a clock that is moved by hand. No network and no merchant account are needed.

商户、付款人与微信支付之间可能出的每一种差错，都由真实的服务端对着模拟器演一遍：真实的 HTTP，由手拨动的时钟。不需要网络，也不需要商户号。

```sh
shouyin simulator scenario                    # list all / 列出全部
shouyin simulator scenario prepay-answer-lost # play one and read what happened / 运行一个，看发生了什么
shouyin simulator scenario prepay-answer-lost --lang zh
shouyin simulator scenario prepay-answer-lost --protocol v2   # by the older protocol / 走 v2 协议
shouyin simulator scenario every-product --product native     # for a shop that shows QR codes / 商户出示二维码收款
shouyin simulator scenario every-product/v2/code              # both in the name / 写在名称里
shouyin simulator scenario --all              # play all, by each protocol and for each product; the exit code tells / 逐协议、逐产品全部运行，看退出码
shouyin simulator scenario --file my.toml     # one of your own / 运行自己写的
```

The files are in `crates/shouyin/scenarios`: one step a line. Whatever a scenario expects, at its end three more things must be true:
our books say what WeChat's say, every payment was told paid once, and every webhook carried a signature that verifies.

场景文件在 `crates/shouyin/scenarios`，一行一步。除了各自的期望，每个场景结束时还必须满足：账目与微信一致，每笔支付只通知一次，每条 webhook
的签名都能验证。

Each is played twice, by a shop that uses APIv3 and by one that uses the older protocol, v2; where only one makes sense, the
table says why. The books of both must come out the same; what may differ (an error code's spelling, the answer to a
notification) is said in the file where it differs.

每个场景演两遍：商户用 APIv3 一遍，用 v2 一遍；只对其中一种有意义的，表里写明原因。两遍的账目必须一致；可以不同之处（错误码的拼写、对通知的应答）
在文件中就地写明。

Most shops here sell in mini programs. What the ways to pay do differently is played for each of them: column *product*.
`notification-lost/v2/native` is the name of one such play, and of its test.

这里的商户大多用小程序收款；凡是各种支付方式会有不同之处的，逐一演示，见 *产品* 一列。`notification-lost/v2/native` 是其中一次演示的名称，也是测试名。

Where the ways differ, a file says so in place: `{ v3 = a, v2 = b }` or `{ code = a, otherwise = b }` for a value, one inside the other if
need be; `protocol = "v2"`, `product = ["native", "h5"]` or `not_product = "code"` for a step. `tap` and `pay` do what the product asks for:
a page logs its visitor in, a QR code is shown and scanned, a browser follows an address, a till scans a payment code.

不同之处就地写明：值用 `{ v3 = a, v2 = b }` 或 `{ code = a, otherwise = b }`（可嵌套），步骤用 `protocol = "v2"`、`product = ["native", "h5"]`
或 `not_product = "code"`。`tap` 与 `pay` 按产品行事：网页让访客登录，二维码被出示和扫描，浏览器打开地址，收银台扫付款码。

A step is played at a moment of virtual time: whatever is due then, here or at WeChat, happens before the next step. `wait` lets time
pass; what is due on the way happens at its own time. A process is killed by ending everything it was doing and opening its database
anew; the disk is full because SQLite may not grow; an answer that is late is held by the simulator. What can be written into a step
is listed in `crates/shouyin/src/scenario/step.rs`.

"#;

/// The story that is told for every product, by both protocols, and the names of its tests.
const EVERY_PRODUCT: &str = "every-product";

/// A table with a cell for each way it is played.
fn ways() -> anyhow::Result<String> {
    let scenario = library::find(EVERY_PRODUCT).map_err(|why| anyhow!(why))?;
    let mut text = format!(
        "## One story, every product / 每种产品同一个故事\n\n{}\n\n{}\n\n| product / 产品 |",
        scenario.about, scenario.about_zh
    );
    for protocol in Protocol::ALL {
        write!(text, " {protocol} |")?;
    }
    text.push_str("\n|---|---|---|\n");
    for product in scenario.products() {
        write!(text, "| `{}` |", product.as_str())?;
        for protocol in Protocol::ALL {
            let wanted = Wanted {
                protocol: Some(protocol),
                product: Some(product),
            };
            let variant = scenario.variant(wanted).map_err(|why| anyhow!(why))?;
            write!(text, " `{}` |", variant.label)?;
        }
        text.push('\n');
    }
    text.push('\n');
    Ok(text)
}

/// The page `docs/scenarios.md`.
pub(crate) fn markdown() -> anyhow::Result<String> {
    let mut text = HEAD.to_owned();
    text.push_str(&ways()?);
    for (row, scenarios) in by_row()? {
        writeln!(text, "## {} / {}\n", row.en, row.zh)?;
        if let Some(without) = &row.without {
            writeln!(text, "No scenario: {without}\n")?;
            continue;
        }
        writeln!(
            text,
            "| scenario | by | product / 产品 | what it shows | 说明 |\n|---|---|---|---|---|"
        )?;
        for scenario in scenarios {
            let cell = |text: &str, why: String| format!("{text}{why}").replace('|', "\\|");
            writeln!(
                text,
                "| `{}` | {} | {} | {} | {} |",
                scenario.name,
                scenario.protocols(),
                products(&scenario, Lang::En),
                cell(&scenario.about, why_en(&scenario)),
                cell(&scenario.about_zh, why_zh(&scenario))
            )?;
        }
        text.push('\n');
    }
    let trimmed = text.trim_end().len();
    text.truncate(trimmed);
    text.push('\n');
    Ok(text)
}
