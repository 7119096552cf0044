//! The keys WeChat Pay may sign with: public keys and platform certificates side by side, found by serial.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::{Certificate, PublicKey};

/// Whoever can check a signature.
pub trait VerifyingKey: Send + Sync + Debug {
    /// Whether this Base64 signature belongs to the text. Foreign text that is no signature at all is `false`.
    fn verify(&self, text: &[u8], signature: &str) -> bool;
}

impl VerifyingKey for PublicKey {
    fn verify(&self, text: &[u8], signature: &str) -> bool {
        STANDARD
            .decode(signature)
            .is_ok_and(|signature| PublicKey::verify(self, text, &signature))
    }
}

/// What a key of the ring is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyKind {
    /// A WeChat Pay public key, known by its `PUB_KEY_ID_...`. Does not expire.
    PublicKey,
    /// A platform certificate, known by its serial number.
    Certificate,
    /// Any other verifier, as a simulation plugs in.
    Other,
}

/// One key of the ring, for screens and alarms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyInfo {
    /// What `Wechatpay-Serial` calls it.
    pub serial_no: String,
    /// What it is.
    pub kind: KeyKind,
    /// First moment it may be used, Unix seconds; certificates only.
    pub not_before: Option<i64>,
    /// Last moment it may be used, Unix seconds; certificates only.
    pub not_after: Option<i64>,
}

/// The keys WeChat Pay may sign with. Shared (`Arc`) and changed while it is in use.
///
/// The key is always chosen by the `Wechatpay-Serial` of what arrived, never by configuration: during a switch from
/// certificates to a public key both kinds arrive for a week.
#[derive(Default)]
pub struct KeyRing {
    keys: RwLock<BTreeMap<String, Entry>>,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: Arc<dyn VerifyingKey>,
    /// The key that fields can be encrypted with, and its serial as WeChat spells it.
    encrypting: Option<(String, PublicKey)>,
    kind: KeyKind,
    validity: Option<(i64, i64)>,
}

impl Entry {
    pub(crate) fn is_valid_at(&self, now_unix: i64) -> bool {
        self.validity
            .is_none_or(|(from, until)| (from..=until).contains(&now_unix))
    }
}

impl KeyRing {
    /// An empty ring: it verifies nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a WeChat Pay public key under its id (`PUB_KEY_ID_...`).
    pub fn insert_public_key(&self, id: &str, key: PublicKey) {
        self.put(
            id,
            Entry {
                key: Arc::new(key.clone()),
                encrypting: Some((id.to_owned(), key)),
                kind: KeyKind::PublicKey,
                validity: None,
            },
        );
    }

    /// Adds a platform certificate under its serial number. It counts only within its validity.
    pub fn insert_certificate(&self, certificate: &Certificate) {
        let key = certificate.public_key().clone();
        self.put(
            certificate.serial_no(),
            Entry {
                key: Arc::new(key.clone()),
                encrypting: Some((certificate.serial_no().to_owned(), key)),
                kind: KeyKind::Certificate,
                validity: Some((certificate.not_before(), certificate.not_after())),
            },
        );
    }

    /// Adds any verifier, for simulations. It cannot encrypt sensitive fields.
    pub fn insert(&self, serial_no: &str, key: Arc<dyn VerifyingKey>) {
        self.put(
            serial_no,
            Entry {
                key,
                encrypting: None,
                kind: KeyKind::Other,
                validity: None,
            },
        );
    }

    /// Removes a key; whether there was one.
    pub fn remove(&self, serial_no: &str) -> bool {
        self.write().remove(&normal(serial_no)).is_some()
    }

    /// All serials, sorted.
    pub fn serials(&self) -> Vec<String> {
        self.read().keys().cloned().collect()
    }

    /// All keys, sorted by serial.
    pub fn list(&self) -> Vec<KeyInfo> {
        self.read()
            .iter()
            .map(|(serial_no, entry)| KeyInfo {
                serial_no: serial_no.clone(),
                kind: entry.kind,
                not_before: entry.validity.map(|(from, _)| from),
                not_after: entry.validity.map(|(_, until)| until),
            })
            .collect()
    }

    /// Whether this serial is known.
    pub fn contains(&self, serial_no: &str) -> bool {
        self.read().contains_key(&normal(serial_no))
    }

    /// The key to encrypt sensitive fields with; name it in `Wechatpay-Serial` of the same request.
    pub fn encryption_key(&self, serial_no: &str) -> Option<PublicKey> {
        self.find(serial_no)?.encrypting.map(|(_, key)| key)
    }

    /// The best key to encrypt with: the preferred one, else a public key, else the certificate that was issued last.
    /// Certificates count only within their validity, which is checked against `now_unix` (seconds).
    pub(crate) fn choose_encryption_key(
        &self,
        preferred: Option<&str>,
        now_unix: i64,
    ) -> Option<(String, PublicKey)> {
        let preferred = preferred.map(normal);
        let keys = self.read();
        keys.iter()
            .filter(|(_, entry)| entry.is_valid_at(now_unix))
            .filter_map(|(serial_no, entry)| Some((serial_no, entry, entry.encrypting.as_ref()?)))
            .max_by_key(|(serial_no, entry, _)| {
                (
                    preferred.as_ref() == Some(serial_no),
                    entry.kind == KeyKind::PublicKey,
                    entry.validity.map(|(from, _)| from),
                )
            })
            .map(|(_, _, key)| key.clone())
    }

    pub(crate) fn find(&self, serial_no: &str) -> Option<Entry> {
        self.read().get(&normal(serial_no)).cloned()
    }

    /// The same keys in a ring of their own.
    pub(crate) fn copy(&self) -> Self {
        Self {
            keys: RwLock::new(self.read().clone()),
        }
    }

    fn put(&self, serial_no: &str, entry: Entry) {
        self.write().insert(normal(serial_no), entry);
    }

    // The map is whole after every operation, so a panic elsewhere does not make it unusable.

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Entry>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Entry>> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serial numbers are hexadecimal: their case means nothing, and leading zeros come and go between libraries.
pub(crate) fn normal(serial_no: &str) -> String {
    serial_no.trim_start_matches('0').to_ascii_uppercase()
}

impl Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRing").field(&self.serials()).finish()
    }
}
