//! What can come of asking, other than what was asked for.

use hyper::StatusCode;
use serde::Deserialize;

/// A text that is no URL of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the URL of a server of orc, such as http://localhost:8000")]
pub struct InvalidBase(pub(super) String);

/// Why there is no success.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// There was no connection: nothing happened.
    #[error("{base} cannot be reached: {reason}")]
    NotSent {
        /// The server.
        base: String,
        /// The innermost cause.
        reason: String,
    },
    /// The request was sent, or may have been, and there is no answer: it may have had its effect, or may yet.
    #[error("{base} gave no whole answer, so what became of the request is unknown: {reason}")]
    Unknown {
        /// The server.
        base: String,
        /// The innermost cause.
        reason: String,
    },
    /// The server said no. 4xx: nothing happened. 5xx: unknown.
    #[error("{message}")]
    Refused {
        /// 300 to 599.
        status: u16,
        /// The server's sentence.
        message: String,
    },
    /// The server said yes, in words that this orc does not know.
    #[error("{base} gave an answer that this version of orc does not understand: {reason}")]
    Garbled {
        /// The server.
        base: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ClientError {
    /// An answer that is no success; `apart` says by how much the clocks differ, when they do.
    pub(super) fn refused(status: StatusCode, body: &[u8], apart: Option<String>) -> Self {
        #[derive(Deserialize)]
        struct Refusal {
            message: String,
        }
        // What does not say it in orc's shape is not from orc: a proxy, or another program on that port.
        let foreign = |_| {
            let text: String = String::from_utf8_lossy(body).trim().chars().take(200).collect();
            format!("The server answered {status} without a reason of its own: {text:?}")
        };
        let message = serde_json::from_slice(body).map_or_else(foreign, |Refusal { message }| message);
        let apart = apart.filter(|_| status == StatusCode::UNAUTHORIZED);
        let message = apart.map_or_else(|| message.clone(), |apart| format!("{message}. Mind that {apart}"));
        Self::Refused { status: status.as_u16(), message }
    }
}

/// The innermost cause of an error: what the system itself said.
pub(super) fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
