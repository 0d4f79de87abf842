//! A port of a service as a user sends it, checked.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::service::ServicePort;
use crate::model::spec::{Port, Protocol};

/// A port of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PortInput {
    /// On every node, 1 to 65535.
    pub published: u16,
    /// In the containers, 1 to 65535.
    pub target: u16,
    /// "tcp" (when absent) or "udp".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Whether a task is told first who its client is, by PROXY protocol version 2; TCP only.
    #[serde(default, skip_serializing_if = "is_false")]
    pub proxy_protocol: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl From<&ServicePort> for PortInput {
    fn from(port: &ServicePort) -> Self {
        let protocol = port.published.protocol;
        Self {
            published: port.published.number,
            target: port.target.number,
            protocol: (protocol != Protocol::Tcp).then(|| protocol.word().to_owned()),
            proxy_protocol: port.proxy_protocol,
        }
    }
}

impl PortInput {
    pub(super) fn checked(&self, place: &str) -> Result<ServicePort, String> {
        let protocol = match self.protocol.as_deref().unwrap_or("tcp") {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            other => {
                let shown: String = other.chars().take(16).collect();
                return Err(format!("{place}.Protocol is {shown:?}: \"tcp\" and \"udp\" are possible"));
            }
        };
        if self.published == 0 || self.target == 0 {
            return Err(format!("{place}: Published and Target are ports from 1 to 65535"));
        }
        if self.proxy_protocol && protocol == Protocol::Udp {
            return Err(format!(
                "{place}.ProxyProtocol is true: that is said at the begin of a connection, and UDP has none"
            ));
        }
        let port = |number| Port { number, protocol };
        Ok(ServicePort {
            published: port(self.published),
            target: port(self.target),
            proxy_protocol: self.proxy_protocol,
        })
    }
}
