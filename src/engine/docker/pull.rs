//! Fetching an image: whom to ask, how far it is, and whether trying again can help.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use tokio::sync::watch;

use super::credentials::Logins;
use super::failure;
use crate::model::container::Failure;

/// The registry of images that name none.
pub(super) const DOCKER_HUB: &str = "docker.io";

/// Pulls `image`, and gives up when nothing moved for `idle`.
pub(super) async fn pull(
    client: &bollard::Docker,
    logins: &Logins,
    image: &str,
    idle: Duration,
    progress: &watch::Sender<String>,
) -> Result<(), Failure> {
    let credentials = logins.find(registry(image)).await;
    let options = CreateImageOptionsBuilder::new().from_image(&with_tag(image)).build();
    let mut messages = client.create_image(Some(options), None, credentials);
    let mut layers = Layers::default();
    loop {
        let message = tokio::time::timeout(idle, messages.next())
            .await
            .map_err(|_| Failure::Unknown(format!("nothing has moved for {} s", idle.as_secs())))?;
        match message {
            None => return Ok(()),
            Some(Ok(message)) => {
                layers.note(&message);
                progress.send_replace(layers.describe());
            }
            Some(Err(error)) => return Err(refusal(&error)),
        }
    }
}

/// The host, and port if any, of the registry that an image reference names.
fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => DOCKER_HUB,
    }
}

/// The reference with the tag that Docker takes when there is none: the Engine API would fetch every tag.
fn with_tag(image: &str) -> String {
    let name = image.rsplit('/').next().unwrap_or(image);
    if name.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") }
}

/// Words of registries and engines for what trying again will not change.
const DEFINITE: &[&str] = &[
    "access denied",
    "authentication required",
    "denied:",
    "incorrect username or password",
    "invalid reference format",
    "no basic auth credentials",
    "no matching manifest",
    "unauthorized",
    "unsupported",
];

/// Words for an image that is not there.
const ABSENT: &[&str] = &["manifest unknown", "name unknown", "not found", "does not exist"];

/// What a failed pull means. The engine passes a registry's answer on as a text, under any status.
fn refusal(error: &Error) -> Failure {
    let (Error::DockerStreamError { error: text } | Error::DockerResponseServerError { message: text, .. }) =
        error
    else {
        return failure::from_bollard(error);
    };
    let says = |words: &[&str]| words.iter().any(|word| text.to_lowercase().contains(word));
    let sentence = text.trim_end().to_owned();
    match error {
        _ if says(DEFINITE) => Failure::Refused(sentence),
        _ if says(ABSENT) => Failure::Missing(sentence),
        Error::DockerResponseServerError { status_code: 404, .. } => Failure::Missing(sentence),
        Error::DockerResponseServerError { status_code: 400..=403, .. } => Failure::Refused(sentence),
        _ => Failure::Unknown(sentence),
    }
}

/// How far each layer of an image is.
#[derive(Debug, Default)]
struct Layers {
    /// Bytes fetched and bytes in all, by the layer's ID.
    download: BTreeMap<String, (i64, i64)>,
    /// What the engine said last that is not about one layer's bytes.
    status: String,
}

impl Layers {
    /// Takes in one message of the engine.
    fn note(&mut self, message: &CreateImageInfo) {
        let status = message.status.as_deref().unwrap_or_default();
        let detail = message.progress_detail.as_ref();
        let bytes = detail.and_then(|detail| Some((detail.current?, detail.total?)));
        match (&message.id, status, bytes) {
            (Some(layer), "Downloading", Some(bytes)) => {
                self.download.insert(layer.clone(), bytes);
            }
            (Some(layer), "Download complete" | "Pull complete", _) => {
                self.download.entry(layer.clone()).and_modify(|(current, total)| *current = *total);
            }
            _ => {}
        }
        status.clone_into(&mut self.status);
    }

    /// For people: `12.3 of 40.1 MB`, or the engine's own words before the first byte.
    fn describe(&self) -> String {
        let sum = |part: fn(&(i64, i64)) -> i64| self.download.values().map(part).sum::<i64>();
        let (current, total) = (sum(|bytes| bytes.0), sum(|bytes| bytes.1));
        if total == 0 {
            self.status.clone()
        } else {
            format!("{} of {} MB", megabytes(current), megabytes(total))
        }
    }
}

/// With one digit after the point, rounded down.
pub(super) fn megabytes(bytes: i64) -> String {
    format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10)
}

#[cfg(test)]
mod tests {
    use bollard::models::ProgressDetail;

    use super::*;

    #[test]
    fn the_registry_is_the_host_before_the_first_slash_if_it_looks_like_one() {
        for (image, host) in [
            ("busybox", "docker.io"),
            ("timboring/echo-server:latest", "docker.io"),
            ("127.0.0.1:5000/a:1", "127.0.0.1:5000"),
            ("localhost/a", "localhost"),
            ("ghcr.io/a/b@sha256:00", "ghcr.io"),
        ] {
            assert_eq!(registry(image), host, "{image}");
        }
    }

    #[test]
    fn only_a_reference_without_tag_and_digest_gets_one() {
        for (image, asked) in [
            ("busybox", "busybox:latest"),
            ("127.0.0.1:5000/a", "127.0.0.1:5000/a:latest"),
            ("127.0.0.1:5000/a:1", "127.0.0.1:5000/a:1"),
            ("a@sha256:00", "a@sha256:00"),
        ] {
            assert_eq!(with_tag(image), asked);
        }
    }

    #[test]
    fn what_trying_again_cannot_change_is_told_from_what_it_can() {
        let stream = |text: &str| refusal(&Error::DockerStreamError { error: text.to_owned() });
        let status = |code, text: &str| {
            refusal(&Error::DockerResponseServerError { status_code: code, message: text.to_owned() })
        };
        let kind = |failure: Failure| match failure {
            Failure::Missing(_) => "missing",
            Failure::Refused(_) => "refused",
            Failure::Unknown(_) => "again",
            Failure::Unreachable(_) | Failure::Conflict(_) => "wrong",
        };
        assert_eq!(
            kind(status(404, "manifest for i:2 not found: manifest unknown: manifest unknown")),
            "missing"
        );
        assert_eq!(
            kind(status(
                404,
                "pull access denied for i, repository does not exist or may require 'docker login'"
            )),
            "refused"
        );
        assert_eq!(
            kind(status(500, "Get \"http://r/v2/\": dial tcp 10.0.0.1:5000: connect: connection refused")),
            "again"
        );
        assert_eq!(kind(status(500, "toomanyrequests: You have reached your pull rate limit.")), "again");
        assert_eq!(kind(status(400, "whatever")), "refused");
        assert_eq!(
            kind(stream("no matching manifest for linux/arm64 in the manifest list entries")),
            "refused"
        );
        assert_eq!(kind(stream("unexpected EOF")), "again");
    }

    #[test]
    fn progress_is_the_sum_over_the_layers() {
        let message = |layer: &str, status: &str, current, total| CreateImageInfo {
            id: Some(layer.to_owned()),
            status: Some(status.to_owned()),
            progress_detail: Some(ProgressDetail { current, total }),
            ..CreateImageInfo::default()
        };
        let mut layers = Layers::default();
        layers.note(&message("latest", "Pulling from library/busybox", None, None));
        assert_eq!(layers.describe(), "Pulling from library/busybox");
        layers.note(&message("a", "Downloading", Some(2_300_000), Some(10_000_000)));
        layers.note(&message("b", "Downloading", Some(10_000_000), Some(30_150_000)));
        assert_eq!(layers.describe(), "12.3 of 40.1 MB");
        layers.note(&message("a", "Pull complete", None, None));
        assert_eq!(layers.describe(), "20.0 of 40.1 MB");
    }
}
