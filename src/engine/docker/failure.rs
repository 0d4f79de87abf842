//! What an error of bollard means for what happens next.

use bollard::errors::Error;

use crate::model::container::Failure;

/// Sorts an error into the five kinds that a caller tells apart.
pub(super) fn from_bollard(error: &Error) -> Failure {
    match error {
        Error::DockerResponseServerError { status_code, message } => from_status(*status_code, message),
        Error::HyperLegacyError { err } if err.is_connect() => {
            Failure::Unreachable(format!("the Docker Engine cannot be reached: {}", root_cause(err)))
        }
        Error::JsonDataError { .. } | Error::JsonSerdeError { .. } => {
            Failure::Unknown(format!("the Docker Engine's answer cannot be understood: {error}"))
        }
        Error::URLEncodedError { .. }
        | Error::URLParseError { .. }
        | Error::InvalidURIError { .. }
        | Error::InvalidURIPartsError { .. }
        | Error::HttpClientError { .. } => {
            Failure::Refused(format!("the Docker Engine cannot be asked for this: {error}"))
        }
        _ => Failure::Unknown(format!("the Docker Engine's answer was lost: {}", root_cause(error))),
    }
}

/// Sorts an HTTP status. 502 to 504 are what a proxy says that does not know either, or an engine that waits
/// for a part of its own.
fn from_status(status: u16, message: &str) -> Failure {
    let message = message.trim_end();
    match status {
        404 => Failure::Missing(message.to_owned()),
        409 => Failure::Conflict(message.to_owned()),
        502..=504 => Failure::Unknown(format!("the Docker Engine answered {status}: {message}")),
        _ if message.is_empty() => Failure::Refused(format!("the Docker Engine answered {status}")),
        _ => Failure::Refused(message.to_owned()),
    }
}

/// The innermost of an error's causes, which names the fact: "Connection refused (os error 111)".
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
