//! What stands in a certificate: whose it is, and from when to when.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Digest, TrustError};
use crate::model::id::{ClusterId, NodeName};
use crate::model::time::Timestamp;

const SCHEME: &str = "orc://";

/// What the certificate of a worker says. That it is genuine is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCertificate {
    /// Of which cluster it is.
    pub cluster: ClusterId,
    /// The name of its node.
    pub node: NodeName,
    /// The digest of its public key.
    pub key: Digest,
    /// Not before.
    pub not_before: Timestamp,
    /// Not after.
    pub not_after: Timestamp,
}

impl NodeCertificate {
    /// Reads a certificate.
    pub fn read(der: &CertificateDer<'_>) -> Result<Self, TrustError> {
        let certificate = parse(der)?;
        let validity = certificate.validity();
        let at = |time: i64| Timestamp::from_millis(time.saturating_mul(1_000));
        let (cluster, node) = uris(&certificate)
            .find_map(|uri| read_uri(&uri))
            .ok_or_else(|| TrustError::Foreign("it names no node of a cluster".to_owned()))?;
        Ok(Self {
            cluster,
            node,
            key: Digest::of(certificate.public_key().raw),
            not_before: at(validity.not_before.timestamp()),
            not_after: at(validity.not_after.timestamp()),
        })
    }

    /// The name of a node in its certificate: `orc://CLUSTER/nodes/NAME`.
    pub fn uri(cluster: ClusterId, node: &NodeName) -> String {
        format!("{}/nodes/{node}", cluster_uri(cluster))
    }

    /// The point at which so much of its life is over, 0 to 1.
    pub fn at(&self, share: f64) -> Timestamp {
        self.not_before.after(self.not_before.until(self.not_after).mul_f64(share))
    }
}

/// The name of a cluster in the certificate of its authority: `orc://CLUSTER`.
pub(super) fn cluster_uri(cluster: ClusterId) -> String {
    format!("{SCHEME}{cluster}")
}

/// Of which cluster an authority is, as its certificate says.
pub fn cluster_of(der: &CertificateDer<'_>) -> Result<ClusterId, TrustError> {
    let certificate = parse(der)?;
    uris(&certificate)
        .find_map(|uri| uri.strip_prefix(SCHEME)?.parse().ok())
        .ok_or_else(|| TrustError::Foreign("it is of no cluster's authority".to_owned()))
}

/// The digest of its public key.
pub(super) fn key_of(der: &CertificateDer<'_>) -> Result<Digest, TrustError> {
    Ok(Digest::of(parse(der)?.public_key().raw))
}

/// The first certificate in a text.
pub fn from_pem(pem: &str) -> Result<CertificateDer<'static>, TrustError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| TrustError::Foreign(error.to_string()))
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, TrustError> {
    let parsed = X509Certificate::from_der(der).map_err(|error| TrustError::Foreign(error.to_string()));
    parsed.map(|(_, certificate)| certificate)
}

fn uris<'a>(certificate: &'a X509Certificate<'a>) -> impl Iterator<Item = String> + 'a {
    let names = certificate.subject_alternative_name().ok().flatten();
    names.into_iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    })
}

fn read_uri(uri: &str) -> Option<(ClusterId, NodeName)> {
    let (cluster, node) = uri.strip_prefix(SCHEME)?.split_once("/nodes/")?;
    Some((cluster.parse().ok()?, node.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_uri_of_this_shape_names_a_node() {
        let cluster = ClusterId::generate();
        let name: NodeName = "box-1".parse().unwrap();
        assert_eq!(read_uri(&NodeCertificate::uri(cluster, &name)), Some((cluster, name)));
        for uri in [
            cluster_uri(cluster),
            format!("https://{cluster}/nodes/box-1"),
            format!("orc://{cluster}/nodes/box-1/more"),
            format!("orc://{cluster}/nodes/"),
            "orc://x/nodes/box-1".to_owned(),
        ] {
            assert_eq!(read_uri(&uri), None, "{uri}");
        }
    }
}
