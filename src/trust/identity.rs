//! A worker's own key and certificate, kept in its data directory: what is kept there decides over a restart.
//!
//! The key is made once and never leaves the machine. It is what the worker is: with it a worker whose certificate has
//! ended can join again under its name.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::{DIR, Digest, NodeCertificate, TrustError, files, provider};
use crate::model::time::Timestamp;

/// Certificates are renewed somewhere in this part of their life, each at its own point, so that workers that joined
/// together do not renew together.
const RENEWED: std::ops::Range<f64> = 0.5..0.8;

/// How a certificate begins in a file.
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// How it ends.
const END: &str = "-----END CERTIFICATE-----";

/// So many authorities are known beside the one that is believed: a worker that is started with an old line knows that
/// this is of its own cluster.
const FORMER: usize = 8;

/// What a worker shows to its manager, and whom it believes.
pub struct Identity {
    dir: PathBuf,
    key: KeyPair,
    /// What its certificate says.
    pub node: NodeCertificate,
    certificate: CertificateDer<'static>,
    /// The authority of its cluster.
    pub authority: CertificateDer<'static>,
    /// Those that it has followed.
    former: Vec<CertificateDer<'static>>,
    /// All of them as text, in the file's order.
    authorities: String,
    /// URL of its manager.
    pub manager: String,
}

impl Identity {
    /// The file of the certificate, with the authority's behind it, and former ones'; it is there once the worker has
    /// joined.
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(DIR).join("node.pem")
    }

    /// The identity that is kept in this data directory; `None` = it has not joined.
    pub fn open(data_dir: &Path) -> Result<Option<Self>, TrustError> {
        let path = Self::path(data_dir);
        let Some(pem) = files::read(&path)? else { return Ok(None) };
        let manager = files::read(&manager_path(data_dir))?.unwrap_or_default().trim().to_owned();
        Self::assemble(data_dir, &pem, manager).map(Some).map_err(|error| TrustError::content(&path, &error))
    }

    /// Keeps what a manager of the same cluster answered to a worker that joined again.
    pub fn kept_again(&self, manager: &str, certificate: &str, authority: &str) -> Result<Self, TrustError> {
        Self::keep(&self.dir, manager, certificate, &self.with_former(authority)?)
    }

    /// Keeps what a manager answered, the authority's certificate before those of former ones: from now on the worker has
    /// joined.
    pub fn keep(
        data_dir: &Path,
        manager: &str,
        certificate: &str,
        authorities: &str,
    ) -> Result<Self, TrustError> {
        let pem = format!("{}\n{}\n", certificate.trim(), authorities.trim());
        let identity = Self::assemble(data_dir, &pem, manager.to_owned())?;
        files::write(&manager_path(data_dir), &format!("{manager}\n"))?;
        files::write(&Self::path(data_dir), &pem)?;
        Ok(identity)
    }

    /// Keeps a certificate that follows this one, with the authority by which it is.
    pub fn renewed(&self, certificate: &str, authority: &str) -> Result<Self, TrustError> {
        self.kept_again(&self.manager, certificate, authority)
    }

    /// An authority with those that it has followed, as text; the oldest of many are forgotten.
    fn with_former(&self, authority: &str) -> Result<String, TrustError> {
        if super::certificate::from_pem(authority)? == self.authority {
            return Ok(self.authorities.clone());
        }
        let known: Vec<&str> =
            self.authorities.split_inclusive(END).filter(|pem| pem.contains(BEGIN)).take(FORMER).collect();
        Ok(format!("{}\n{}", authority.trim(), known.concat().trim()))
    }

    /// Whether it believes the authority of this digest, or has believed it.
    pub fn knows(&self, pin: Digest) -> bool {
        std::iter::once(&self.authority).chain(&self.former).any(|known| Digest::of(known) == pin)
    }

    fn assemble(data_dir: &Path, pem: &str, manager: String) -> Result<Self, TrustError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| TrustError::Foreign(error.to_string()))?;
        let count = chain.len();
        let mut chain = chain.into_iter();
        let (Some(certificate), Some(authority)) = (chain.next(), chain.next()) else {
            return Err(TrustError::Foreign(format!(
                "it has {count} certificates, its own and the authority's are wanted"
            )));
        };
        let key = own_key(data_dir)?;
        let node = NodeCertificate::read(&certificate)?;
        if node.key != Digest::of(key.subject_public_key_info()) {
            return Err(TrustError::Foreign("it is for another key than the one beside it".to_owned()));
        }
        let (_, authorities) = pem.split_once(END).unwrap_or_default();
        Ok(Self {
            dir: data_dir.to_owned(),
            key,
            node,
            certificate,
            authority,
            former: chain.collect(),
            authorities: authorities.trim().to_owned(),
            manager,
        })
    }

    /// The digest of the authority whom it believes.
    pub fn pin(&self) -> Digest {
        Digest::of(&self.authority)
    }

    /// What it asks to have signed for its next certificate.
    pub fn signing_request(&self) -> Result<String, TrustError> {
        request(&self.key)
    }

    /// When its certificate is to be renewed: 50 to 80 % of its life, the same point whenever it is asked.
    pub fn renew_at(&self) -> Timestamp {
        self.node.at(RENEWED.start + self.own_share() * (RENEWED.end - RENEWED.start))
    }

    /// A number from 0 to 1 of this certificate's own, so that workers do what is due at different times.
    pub fn own_share(&self) -> f64 {
        let digest = Digest::of(&self.certificate);
        f64::from(u16::from_be_bytes([digest.bytes()[0], digest.bytes()[1]])) / f64::from(u16::MAX)
    }

    /// As TLS takes it.
    pub fn certified_key(&self) -> Result<Arc<CertifiedKey>, TrustError> {
        let key = PrivateKeyDer::try_from(self.key.serialize_der())
            .map_err(|problem| TrustError::Making(problem.to_owned()))?;
        let certified = CertifiedKey::from_der(vec![self.certificate.clone()], key, &provider());
        certified.map(Arc::new).map_err(|error| TrustError::Making(error.to_string()))
    }
}

/// Nothing of its key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("node", &self.node)
            .field("manager", &self.manager)
            .finish_non_exhaustive()
    }
}

/// What a worker that has not joined asks to have signed. Its key is made and kept first, so that whoever asks again
/// after a lost answer is the same worker.
pub fn first_request(data_dir: &Path) -> Result<String, TrustError> {
    request(&own_key(data_dir)?)
}

fn request(key: &KeyPair) -> Result<String, TrustError> {
    Ok(CertificateParams::default().serialize_request(key)?.pem()?)
}

fn manager_path(data_dir: &Path) -> PathBuf {
    data_dir.join(DIR).join("manager-url")
}

/// The worker's key; made when there is none.
fn own_key(data_dir: &Path) -> Result<KeyPair, TrustError> {
    let path = data_dir.join(DIR).join("node-key.pem");
    if let Some(pem) = files::read(&path)? {
        return KeyPair::from_pem(&pem).map_err(|error| TrustError::content(&path, &error));
    }
    let key = KeyPair::generate()?;
    files::write(&path, &key.serialize_pem())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Authority;
    use super::super::authority::SigningRequest;
    use super::*;
    use crate::model::id::ClusterId;

    #[test]
    fn what_was_kept_is_the_same_worker_after_a_restart() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let now = Timestamp::from_millis(1_795_332_379_000);
        let authority = Authority::create(there.path(), ClusterId::generate(), now).unwrap();
        assert!(Identity::open(here.path()).unwrap().is_none());

        let node = "box-1".parse().unwrap();
        let sign = |request: String, now| {
            authority.sign_node(&SigningRequest::read(&request).unwrap(), &node, now).unwrap()
        };
        let certificate = sign(first_request(here.path()).unwrap(), now);
        let kept = Identity::keep(here.path(), "https://a:1", &certificate, authority.pem()).unwrap();
        let read = Identity::open(here.path()).unwrap().unwrap();
        assert_eq!((&read.node, &*read.manager, read.pin()), (&kept.node, "https://a:1", authority.pin()));
        assert_eq!((read.node.cluster, &read.node.node), (authority.cluster(), &node));
        assert_eq!(read.renew_at(), kept.renew_at());
        let life = Duration::from_hours(25);
        for (share, expected) in [(0.0, now.before(Duration::from_hours(1))), (1.0, read.node.not_after)] {
            assert_eq!(read.node.at(share), expected);
        }
        assert!(read.renew_at() >= read.node.not_before.after(life / 2));
        assert!(read.renew_at() <= read.node.not_before.after(life.mul_f64(0.8)));

        let later = read.renew_at();
        let renewed = read.renewed(&sign(read.signing_request().unwrap(), later), authority.pem()).unwrap();
        assert_eq!(renewed.node.key, kept.node.key, "its key stays");
        assert!(renewed.node.not_after > kept.node.not_after);
        assert_eq!(Identity::open(here.path()).unwrap().unwrap().node, renewed.node);
    }

    #[test]
    fn a_certificate_for_another_key_is_not_kept() {
        let (here, other, there) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let now = Timestamp::from_millis(1_795_332_379_000);
        let authority = Authority::create(there.path(), ClusterId::generate(), now).unwrap();
        first_request(here.path()).unwrap();
        let request = SigningRequest::read(&first_request(other.path()).unwrap()).unwrap();
        let certificate = authority.sign_node(&request, &"box-1".parse().unwrap(), now).unwrap();
        let error = Identity::keep(here.path(), "https://a:1", &certificate, authority.pem()).unwrap_err();
        assert!(error.to_string().contains("another key"), "{error}");
        assert!(Identity::open(here.path()).unwrap().is_none());
    }
}
