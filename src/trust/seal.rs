//! Secrets at rest: sealed with a key that is in a file beside the database, and never in it.
//!
//! AES-256-GCM with a random nonce for each version of each secret: 2^32 of them are within its bounds, and no cluster comes
//! near that. What a seal is for (which secret, which version) is part of it, so that nobody who can write to the database
//! exchanges one for another.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};

use super::digest::{Digest, hex, unhex};
use super::secret::random;
use super::{files, provider};
use crate::model::managed_file::{AtRest, Contents, FileKey, FileKind};

/// The file with the key, in the data directory: 64 hex digits.
pub const KEY_FILE: &str = "secrets.key";

/// Why secrets cannot be sealed or opened. A sentence that says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SealError(String);

/// Seals secrets and opens them, or says why it cannot. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Seal(Result<Arc<Keys>, SealError>);

/// What is made of the key in the file; never the key itself.
struct Keys {
    sealing: LessSafeKey,
    digesting: hmac::Key,
    /// What tells this key from others; helps nobody to guess it.
    id: String,
    path: PathBuf,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.id)
    }
}

impl Seal {
    /// Reads the key in the data directory. It is made where there is none, unless secrets were sealed already: `known` are
    /// the keys that the database names. A key that is missing or another then is no reason not to start, for everything
    /// but secrets goes on; it is the answer to whoever asks for one.
    pub fn open(data_dir: &Path, known: &[String]) -> Self {
        Self(Keys::open(&data_dir.join(KEY_FILE), known).map(Arc::new))
    }

    /// What is wrong with the key, if anything.
    pub fn trouble(&self) -> Option<&SealError> {
        self.0.as_ref().err()
    }

    /// What tells these contents from others: of a config the SHA-256, as anybody would make it; of a secret one that takes
    /// the key to make, so that who reads it cannot try what may be in it.
    pub fn digest(&self, kind: FileKind, contents: &Contents) -> Result<String, SealError> {
        match kind {
            FileKind::Config => Ok(Digest::of(contents.expose()).to_string()),
            FileKind::Secret => {
                let keys = self.keys()?;
                Ok(hex(hmac::sign(&keys.digesting, contents.expose()).as_ref()))
            }
        }
    }

    /// What the database keeps of a version.
    pub fn close(&self, key: &FileKey, version: u64, contents: &Contents) -> Result<AtRest, SealError> {
        if key.kind == FileKind::Config {
            return Ok(AtRest { sealed_by: None, bytes: contents.expose().to_vec() });
        }
        let keys = self.keys()?;
        let nonce: [u8; NONCE_LEN] = random(&provider());
        let mut sealed = contents.expose().to_vec();
        keys.sealing
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), purpose(key, version), &mut sealed)
            .map_err(|_| SealError(format!("{key} cannot be encrypted: it is too large")))?;
        Ok(AtRest { sealed_by: Some(keys.id.clone()), bytes: [nonce.as_slice(), &sealed].concat() })
    }

    /// What is in a version that was kept; `digest` is what was noted of it.
    pub fn open_version(
        &self,
        key: &FileKey,
        version: u64,
        digest: &str,
        kept: AtRest,
    ) -> Result<Contents, SealError> {
        let damaged = || {
            SealError(format!(
                "version {version} of {key} does not match what was noted of it: it was damaged in the database, or \
                 changed by hand. Make a new version of it"
            ))
        };
        let contents = match kept.sealed_by {
            None => Contents::from(kept.bytes),
            Some(sealed_by) => {
                let keys = self.keys()?;
                keys.check(&[sealed_by])?;
                let (nonce, sealed) = kept.bytes.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
                let mut sealed = sealed.to_vec();
                let nonce = Nonce::assume_unique_for_key(*nonce);
                let opened = keys.sealing.open_in_place(nonce, purpose(key, version), &mut sealed);
                Contents::from(opened.map_err(|_| damaged())?.to_vec())
            }
        };
        if self.digest(key.kind, &contents)? == digest { Ok(contents) } else { Err(damaged()) }
    }

    fn keys(&self) -> Result<&Keys, SealError> {
        self.0.as_deref().map_err(Clone::clone)
    }
}

impl Keys {
    fn open(path: &Path, known: &[String]) -> Result<Self, SealError> {
        let unusable = |error: super::TrustError| SealError(error.to_string());
        let Some(text) = files::read(path).map_err(unusable)? else {
            if !known.is_empty() {
                return Err(SealError(format!(
                    "the key of the secrets is gone: {} is not there, and without it nobody reads what the database has of \
                     them. Put it back from a backup, and start orc again; or remove the secrets and make them anew",
                    path.display()
                )));
            }
            let bytes: [u8; 32] = random(&provider());
            files::write(path, &format!("{}\n", hex(&bytes))).map_err(unusable)?;
            return Ok(Self::of(bytes, path));
        };
        let bytes = unhex(text.trim()).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let bytes = bytes.ok_or_else(|| {
            SealError(format!(
                "{} is not the key of the secrets, which is 64 hex digits: put it back from a backup, and start orc again",
                path.display()
            ))
        })?;
        let keys = Self::of(bytes, path);
        keys.check(known)?;
        Ok(keys)
    }

    fn of(bytes: [u8; 32], path: &Path) -> Self {
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, b"orc secrets 1").extract(&bytes);
        let made = |info: &'static [u8]| {
            let mut key = [0; 32];
            let info = [info];
            let okm = secret.expand(&info, hkdf::HKDF_SHA256);
            okm.and_then(|okm| okm.fill(&mut key)).expect("HKDF gives 32 bytes of SHA-256");
            key
        };
        let sealing = UnboundKey::new(&AES_256_GCM, &made(b"sealing")).expect("AES-256 takes 32 bytes");
        Self {
            sealing: LessSafeKey::new(sealing),
            digesting: hmac::Key::new(hmac::HMAC_SHA256, &made(b"digest")),
            id: hex(&made(b"identifier")[..8]),
            path: path.to_owned(),
        }
    }

    /// Whether it is the key that these secrets were sealed with.
    fn check(&self, known: &[String]) -> Result<(), SealError> {
        if known.iter().all(|id| *id == self.id) {
            return Ok(());
        }
        Err(SealError(format!(
            "{} is another key than the one that the secrets in the database are encrypted with: put that one back from a \
             backup, and start orc again; or remove the secrets and make them anew",
            self.path.display()
        )))
    }
}

/// What a seal is for, in bytes that mean one thing: a name has no NUL.
fn purpose(key: &FileKey, version: u64) -> Aad<Vec<u8>> {
    Aad::from(format!("{}\0{}\0{version}", key.kind, key.name).into_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn key(name: &str) -> FileKey {
        FileKey { kind: FileKind::Secret, name: name.parse().unwrap() }
    }

    fn hunter2() -> Contents {
        Contents::from(b"hunter2".to_vec())
    }

    #[test]
    fn a_secret_is_opened_as_the_version_that_it_is_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let seal = Seal::open(dir.path(), &[]);
        let digest = seal.digest(FileKind::Secret, &hunter2()).unwrap();
        let kept = seal.close(&key("db"), 1, &hunter2()).unwrap();
        assert!(!kept.bytes.windows(7).any(|bytes| bytes == b"hunter2"));
        assert_ne!(kept, seal.close(&key("db"), 1, &hunter2()).unwrap(), "each has a nonce of its own");
        assert_eq!(seal.open_version(&key("db"), 1, &digest, kept.clone()), Ok(hunter2()));
        let mut damaged = kept.clone();
        damaged.bytes[20] ^= 1;
        let mut short = kept.clone();
        short.bytes.truncate(11);
        for (name, version, kept) in
            [("db", 2, kept.clone()), ("web", 1, kept.clone()), ("db", 1, damaged), ("db", 1, short)]
        {
            let error = seal.open_version(&key(name), version, &digest, kept).unwrap_err();
            assert!(error.to_string().contains("does not match"), "{error}");
        }
        assert!(seal.open_version(&key("db"), 1, "another", kept).is_err());
    }

    #[test]
    fn the_digest_of_a_secret_takes_the_key_and_that_of_a_config_does_not() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, two) = (Seal::open(one.path(), &[]), Seal::open(two.path(), &[]));
        let digest = |seal: &Seal, kind| seal.digest(kind, &hunter2()).unwrap();
        assert_eq!(digest(&one, FileKind::Secret), digest(&one, FileKind::Secret));
        assert_ne!(digest(&one, FileKind::Secret), digest(&two, FileKind::Secret));
        assert_eq!(digest(&one, FileKind::Config), digest(&two, FileKind::Config));
        assert_eq!(digest(&one, FileKind::Config), Digest::of("hunter2").to_string());
    }

    #[test]
    fn the_key_is_its_owners_alone_is_kept_and_never_replaced_over_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(KEY_FILE);
        let kept = Seal::open(dir.path(), &[]).close(&key("db"), 1, &hunter2()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let known = [kept.sealed_by.clone().unwrap()];
        let again = Seal::open(dir.path(), &known);
        let digest = again.digest(FileKind::Secret, &hunter2()).unwrap();
        assert_eq!(again.open_version(&key("db"), 1, &digest, kept.clone()), Ok(hunter2()));

        fs::remove_file(&path).unwrap();
        let gone = Seal::open(dir.path(), &known);
        assert!(gone.trouble().unwrap().to_string().contains("is gone"), "{gone:?}");
        assert!(!path.exists(), "no new key over old secrets");
        assert!(gone.close(&key("db"), 2, &hunter2()).is_err());

        drop(Seal::open(dir.path(), &[]));
        for seal in [Seal::open(dir.path(), &known), Seal::open(dir.path(), &[])] {
            let error = seal.open_version(&key("db"), 1, &digest, kept.clone()).unwrap_err();
            assert!(error.to_string().contains("another key"), "{error}");
        }
        fs::write(&path, "not a key").unwrap();
        assert!(Seal::open(dir.path(), &known).trouble().unwrap().to_string().contains("64 hex digits"));
    }

    #[test]
    fn no_debug_output_shows_a_key() {
        let dir = tempfile::tempdir().unwrap();
        let seal = Seal::open(dir.path(), &[]);
        let text = fs::read_to_string(dir.path().join(KEY_FILE)).unwrap();
        assert!(!format!("{seal:?}").contains(text.trim()));
    }
}
