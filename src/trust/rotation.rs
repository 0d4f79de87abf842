//! How an authority is followed by the next without anybody being cut off.
//!
//! The new one is self-signed, and signed by the former one as well: so its certificates count for whoever believes
//! either. The former key is not needed once that is done, and goes at once; its certificate goes when the rotation ends.
//! The file of the certificates decides, and it is replaced as a whole: the new key is written beside the former one
//! before, and takes its place afterwards.

use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PublicKeyData as _};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::authority::authority_params;
use super::{Authority, DIR, Digest, TrustError, files};
use crate::model::time::Timestamp;

/// How a certificate begins in a file.
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// How the line before them begins that says since when there is this authority.
const SINCE: &str = "Since: ";

/// What is left of an authority that another one follows.
pub struct Former {
    /// Its certificate. There is no key to it any more.
    pub certificate: CertificateDer<'static>,
    /// The certificate of the new authority that it signed last of all.
    pub cross: CertificateDer<'static>,
    /// Both as text, in the file's order.
    pem: String,
}

/// Why a rotation does not begin or end. Each is a sentence that says what would be right.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// One is under way.
    #[error(
        "A rotation is under way already: `orc ca` shows who is waited for, and `orc ca rotate --finish` ends it at once"
    )]
    UnderWay,
    /// None is.
    #[error("No rotation is under way, so there is none to finish: `orc ca rotate` begins one")]
    NoneUnderWay,
    /// Files cannot be written, or certificates not be made.
    #[error("The authority could not be replaced: {0}")]
    Trust(#[from] TrustError),
}

/// What the file of an authority's certificates holds.
pub(super) struct Kept {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) pem: String,
    pub(super) former: Option<Former>,
    pub(super) since: Option<Timestamp>,
}

impl Kept {
    pub(super) fn read(text: &str) -> Result<Self, TrustError> {
        let all: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(text.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| TrustError::Foreign(error.to_string()))?;
        let places: Vec<usize> = text.match_indices(BEGIN).map(|(at, _)| at).collect();
        let (head, rest) = text.split_at(places.first().copied().unwrap_or_default());
        let (pem, others) = places.get(1).map_or((rest, ""), |second| rest.split_at(second - head.len()));
        let since = head.lines().find_map(|line| Timestamp::parse(line.strip_prefix(SINCE)?));
        let mut all = all.into_iter();
        let (certificate, former) = match (all.next(), all.next(), all.next(), all.next()) {
            (Some(own), None, ..) => (own, None),
            (Some(own), Some(cross), Some(certificate), None) => {
                (own, Some(Former { certificate, cross, pem: others.to_owned() }))
            }
            _ => {
                let problem = "it has neither one certificate nor three, as during a rotation";
                return Err(TrustError::Foreign(problem.to_owned()));
            }
        };
        Ok(Self { certificate, pem: pem.to_owned(), former, since })
    }
}

impl Authority {
    /// The one that it follows, while a rotation is under way.
    pub const fn former(&self) -> Option<&Former> {
        self.former.as_ref()
    }

    /// When it was made; `None` = by an orc that did not write that down.
    pub const fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// Makes the authority that follows this one, and keeps it in its place. The key of this one is gone afterwards.
    pub fn rotate(&self, now: Timestamp) -> Result<Self, TrustError> {
        let mut next = Self::make(&self.dir, self.cluster(), now)?;
        let mut params = authority_params(self.cluster())?;
        params.use_authority_key_identifier_extension = true;
        let cross = params.signed_by(next.issuer.key(), &self.issuer)?;
        let pem = format!("{}{}", cross.pem(), self.pem());
        next.former = Some(Former { certificate: self.certificate().clone(), cross: cross.into(), pem });
        let next_key = next_key_path(&self.dir);
        files::write(&next_key, &next.issuer.key().serialize_pem())?;
        files::write(&Self::certificate_path(&self.dir), &next.text())?;
        files::put_in_place(&next_key, &Self::key_path(&self.dir))?;
        Ok(next)
    }

    /// Forgets the former one: it is believed no more.
    pub fn finish(&self) -> Result<Self, TrustError> {
        files::write(&Self::certificate_path(&self.dir), &self.text_alone())?;
        Self::open(&self.dir, self.cluster())?
            .ok_or_else(|| TrustError::Making("its file has just vanished".to_owned()))
    }

    /// What its file holds.
    pub(super) fn text(&self) -> String {
        self.text_alone() + self.former.as_ref().map(|former| former.pem.as_str()).unwrap_or_default()
    }

    fn text_alone(&self) -> String {
        let since = self.since.map(|since| format!("{SINCE}{since}\n")).unwrap_or_default();
        since + self.pem()
    }
}

fn next_key_path(data_dir: &Path) -> PathBuf {
    data_dir.join(DIR).join("ca-key-next.pem")
}

/// The key of the certificate with this public key, wherever a rotation that was cut off has left it; it is in its place
/// afterwards, and alone.
pub(super) fn settle_key(data_dir: &Path, public: Digest) -> Result<KeyPair, TrustError> {
    let (path, next) = (Authority::key_path(data_dir), next_key_path(data_dir));
    let fits = |key: &KeyPair| Digest::of(key.subject_public_key_info()) == public;
    if let Some(key) = read_key(&next)?.filter(fits) {
        files::put_in_place(&next, &path)?;
        return Ok(key);
    }
    let key = read_key(&path)?.filter(fits).ok_or_else(|| {
        let problem = format!("its key is missing: it is not in {}", path.display());
        TrustError::content(&Authority::certificate_path(data_dir), &problem)
    })?;
    files::remove(&next)?;
    Ok(key)
}

fn read_key(path: &Path) -> Result<Option<KeyPair>, TrustError> {
    let Some(pem) = files::read(path)? else { return Ok(None) };
    KeyPair::from_pem(&pem).map(Some).map_err(|error| TrustError::content(path, &error))
}

#[cfg(test)]
mod tests;
