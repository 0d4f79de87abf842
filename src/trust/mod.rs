//! Who may speak with whom: a cluster's certificates and tokens, and TLS made of them.
//!
//! No cryptography of its own: certificates are made by rcgen, verified by rustls-webpki, spoken over by rustls, all
//! with ring. What this decides is whose certificate or token counts for what, and how to say why one does not.

pub mod anybody;
pub mod authority;
pub mod certificate;
pub mod client;
pub mod digest;
pub mod error;
pub mod files;
pub mod identity;
pub mod registry;
pub mod rotation;
pub mod seal;
pub mod secret;
pub mod server;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use authority::Authority;
pub use certificate::NodeCertificate;
pub use digest::Digest;
pub use error::TrustError;
pub use identity::Identity;
pub use registry::Registry;
pub use seal::{Seal, SealError};
pub use secret::{ApiToken, JoinToken};

/// Where keys and certificates are, in the data directory.
pub const DIR: &str = "trust";

/// The cryptography of all connections.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
