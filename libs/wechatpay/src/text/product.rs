//! Texts of QR codes, browser payments, app payments and payment codes.

use std::fmt;

use super::{PRINTABLE, Rule, TextError, printable, shown};

text_type!(
    /// What the QR code of a Native order says. WeChat documents 64 characters and no fixed form: it is rendered as it
    /// came, so anything printable of a sane length is taken.
    CodeUrl, "code_url", shown,
    |text| Rule {
        shortest: 1,
        longest: 512,
        length: "must have 1 to 512 characters",
        allowed: |c| c.is_ascii_graphic(),
        characters: "must consist of printable ASCII characters without spaces",
    }
    .check(text)
);

text_type!(
    /// Where the browser of the payer goes for an H5 order: an `http` or `https` address. Its length is UNCONFIRMED;
    /// real ones are longer than the 64 characters of older tables.
    H5Url, "h5_url", shown,
    |text| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        if rest.is_none_or(str::is_empty) {
            // A browser is sent there, so it must not be a script.
            return Err("must start with https:// or http://");
        }
        Rule {
            shortest: 1,
            longest: 2048,
            length: "must have 1 to 2048 characters",
            allowed: |c| c.is_ascii_graphic(),
            characters: "must consist of printable ASCII characters without spaces",
        }
        .check(text)
    }
);

text_type!(
    /// The number of a shop, at WeChat or the merchant's own: at most 32 characters.
    StoreId, "store_info.id", shown,
    |text| Rule {
        shortest: 1,
        longest: 32,
        length: "must have 1 to 32 characters",
        allowed: printable,
        characters: PRINTABLE,
    }
    .check(text)
);

text_type!(
    /// The number of a till, at most 32 characters.
    DeviceId, "device_id", shown,
    |text| Rule {
        shortest: 1,
        longest: 32,
        length: "must have 1 to 32 characters",
        allowed: printable,
        characters: PRINTABLE,
    }
    .check(text)
);

text_type!(
    /// The name of the app or site a browser payment comes from, at most 64 characters.
    AppName, "app_name", shown,
    |text| Rule {
        shortest: 1,
        longest: 64,
        length: "must have 1 to 64 characters",
        allowed: printable,
        characters: PRINTABLE,
    }
    .check(text)
);

text_type!(
    /// The site a browser payment comes from, at most 128 characters.
    AppUrl, "app_url", shown,
    |text| Rule {
        shortest: 1,
        longest: 128,
        length: "must have 1 to 128 characters",
        allowed: |c| c.is_ascii_graphic(),
        characters: "must consist of printable ASCII characters without spaces",
    }
    .check(text)
);

text_type!(
    /// What an app is called in its store, `bundle_id` of iOS or `package_name` of Android: at most 128 characters.
    AppPackage, "bundle_id or package_name", shown,
    |text| Rule {
        shortest: 1,
        longest: 128,
        length: "must have 1 to 128 characters",
        allowed: |c| c.is_ascii_graphic(),
        characters: "must consist of printable ASCII characters without spaces",
    }
    .check(text)
);
