//! A cluster's own authority: the key that signs every certificate of the cluster, kept by its manager.
//!
//! Nobody beyond the cluster knows it, so what is trusted is its digest, which a join token carries. Its certificate
//! has no end: a date would protect nobody, and cut off everybody. How it is replaced is in [`super::rotation`].

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};

use super::certificate::{NodeCertificate, cluster_of, cluster_uri, key_of};
use super::rotation::{self, Former};
use super::{DIR, Digest, TrustError, files};
use crate::model::id::{ClusterId, NodeName};
use crate::model::time::Timestamp;

/// A certificate begins so long before it is made, for clocks that differ.
pub(super) const BACKDATED: Duration = Duration::from_hours(1);

/// A worker's certificate ends so long after it is made.
pub const NODE_LIFE: Duration = Duration::from_hours(24);

/// The server's own certificate ends so long after it is made. It is made anew at each start, and long before.
pub(super) const SERVER_LIFE: Duration = Duration::from_hours(30 * 24);

/// So often it is: then it has the addresses that the machine has by then.
pub const CERTIFY_EVERY: Duration = Duration::from_hours(12);

/// The authority of a cluster.
pub struct Authority {
    pub(super) dir: PathBuf,
    cluster: ClusterId,
    pub(super) issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    /// The one that it follows, while a rotation is under way.
    pub(super) former: Option<Former>,
    /// When it was made; `None` = by an orc that did not write that down.
    pub(super) since: Option<Timestamp>,
}

/// What a worker wants signed: its public key. Whoever made it has the private one.
pub struct SigningRequest {
    request: CertificateSigningRequestParams,
    /// The digest of the public key.
    pub key: Digest,
}

/// The certificate of a server and its key.
pub struct ServerCertificate {
    /// The certificate; what leads to the former authority during a rotation; and last the authority's.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

impl Authority {
    /// Where the certificate is that clients may trust.
    pub fn certificate_path(data_dir: &Path) -> PathBuf {
        data_dir.join(DIR).join("ca.pem")
    }

    pub(super) fn key_path(data_dir: &Path) -> PathBuf {
        data_dir.join(DIR).join("ca-key.pem")
    }

    /// The authority that is kept in this data directory, if there is one; refused when it is another cluster's.
    pub fn open(data_dir: &Path, cluster: ClusterId) -> Result<Option<Self>, TrustError> {
        let path = Self::certificate_path(data_dir);
        let Some(text) = files::read(&path)? else { return Ok(None) };
        let content = |error: TrustError| TrustError::content(&path, &error);
        let kept = rotation::Kept::read(&text).map_err(content)?;
        let its_cluster = cluster_of(&kept.certificate).map_err(content)?;
        if its_cluster != cluster {
            let problem = format!("it is of cluster {its_cluster}, and the database beside it of {cluster}");
            return Err(TrustError::content(&path, &problem));
        }
        let key = rotation::settle_key(data_dir, key_of(&kept.certificate).map_err(content)?)?;
        let issuer = Issuer::from_ca_cert_der(&kept.certificate, key)?;
        let rotation::Kept { certificate, pem, former, since } = kept;
        Ok(Some(Self { dir: data_dir.to_owned(), cluster, issuer, certificate, pem, former, since }))
    }

    /// Makes an authority and keeps it in this data directory.
    pub fn create(data_dir: &Path, cluster: ClusterId, now: Timestamp) -> Result<Self, TrustError> {
        let made = Self::make(data_dir, cluster, now)?;
        // The key first: a certificate without its key would be of no use.
        files::write(&Self::key_path(data_dir), &made.issuer.key().serialize_pem())?;
        files::write(&Self::certificate_path(data_dir), &made.text())?;
        Ok(made)
    }

    /// Makes an authority with a new key, which is not kept yet.
    pub(super) fn make(data_dir: &Path, cluster: ClusterId, now: Timestamp) -> Result<Self, TrustError> {
        let key = KeyPair::generate()?;
        let params = authority_params(cluster)?;
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            dir: data_dir.to_owned(),
            cluster,
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
            certificate: certificate.into(),
            former: None,
            since: Some(now),
        })
    }

    /// Its digest, by which it is known.
    pub fn pin(&self) -> Digest {
        Digest::of(&self.certificate)
    }

    /// Its certificate.
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Its certificate as text.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its cluster.
    pub const fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// A certificate for the worker of this node, as text.
    pub fn sign_node(
        &self,
        request: &SigningRequest,
        node: &NodeName,
        now: Timestamp,
    ) -> Result<String, TrustError> {
        let mut params = between(now, NODE_LIFE);
        params.distinguished_name = named(node.as_str());
        params.subject_alt_names = vec![uri(&NodeCertificate::uri(self.cluster, node))?];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Ok(params.signed_by(&request.request.public_key, &self.issuer)?.pem())
    }

    /// A certificate and a new key for a server that is reached under these names and addresses.
    pub fn sign_server(&self, names: &[String], now: Timestamp) -> Result<ServerCertificate, TrustError> {
        let key = KeyPair::generate()?;
        let mut params = between(now, SERVER_LIFE);
        params.distinguished_name = named("orc manager");
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|problem| TrustError::Making(problem.to_owned()))?;
        let former = self.former.iter().flat_map(|former| [&former.cross, &former.certificate]);
        let mut chain = vec![certificate.into()];
        chain.extend(former.chain([&self.certificate]).cloned());
        Ok(ServerCertificate { chain, key })
    }
}

/// Nothing of its key.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl SigningRequest {
    /// Reads a request, and checks that whoever made it has the key. What else it asks for counts for nothing.
    pub fn read(pem: &str) -> Result<Self, TrustError> {
        let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| TrustError::Foreign(error.to_string()))?;
        let request = CertificateSigningRequestParams::from_der(&der)
            .map_err(|error| TrustError::Foreign(error.to_string()))?;
        let key = Digest::of(request.public_key.subject_public_key_info());
        Ok(Self { request, key })
    }
}

/// What stands in the certificate of a cluster's authority. All of a cluster have one name: so that a former one may vouch
/// for the next, although none lets others stand below it.
pub(super) fn authority_params(cluster: ClusterId) -> Result<CertificateParams, TrustError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&format!("orc cluster {cluster}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.subject_alt_names = vec![uri(&cluster_uri(cluster))?];
    Ok(params)
}

fn between(now: Timestamp, life: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date(now.before(BACKDATED)).into();
    params.not_after = date(now.after(life)).into();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    params
}

/// A time as `rcgen` takes it, in whole seconds as certificates have them.
fn date(time: Timestamp) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + Duration::from_secs(u64::try_from(time.millis() / 1_000).unwrap_or_default())
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn uri(uri: &str) -> Result<SanType, TrustError> {
    Ok(SanType::URI(uri.try_into()?))
}
