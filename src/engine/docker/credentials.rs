//! Registry logins of this host: what `docker login` left in its configuration or in a credential helper.

use std::time::Duration;

use bollard::auth::DockerCredentials;
use docker_credential::{CredentialRetrievalError as RetrievalError, DockerCredential};

/// Helpers ask key rings and clouds; one that hangs must not hold up a pull for longer.
const HELPER_DEADLINE: Duration = Duration::from_secs(10);

/// The login for the registry of an image; `None` = pull as anybody. A login that cannot be had is no reason
/// not to try: most images are public, and the registry's own refusal says more.
pub(super) async fn of_registry(registry: &str) -> Option<DockerCredentials> {
    let key = configuration_key(registry).to_owned();
    let lookup = tokio::task::spawn_blocking(move || docker_credential::get_credential(&key));
    let problem = match tokio::time::timeout(HELPER_DEADLINE, lookup).await {
        Ok(Ok(Ok(credential))) => return Some(in_bollards_words(credential, registry)),
        Ok(Ok(Err(RetrievalError::NoCredentialConfigured | RetrievalError::ConfigNotFound))) => return None,
        Ok(Ok(Err(error))) => describe(&error),
        Ok(Err(_)) => "reading it panicked".to_owned(),
        Err(_) => format!("the credential helper has not answered for {} s", HELPER_DEADLINE.as_secs()),
    };
    tracing::warn!(registry, problem, "The login for this registry cannot be had: pulling without one");
    None
}

/// Under which name Docker keeps the login for a registry.
fn configuration_key(registry: &str) -> &str {
    if registry == super::pull::DOCKER_HUB { "https://index.docker.io/v1/" } else { registry }
}

fn in_bollards_words(credential: DockerCredential, registry: &str) -> DockerCredentials {
    let server =
        DockerCredentials { serveraddress: Some(registry.to_owned()), ..DockerCredentials::default() };
    match credential {
        DockerCredential::IdentityToken(token) => DockerCredentials { identitytoken: Some(token), ..server },
        DockerCredential::UsernamePassword(name, password) => {
            DockerCredentials { username: Some(name), password: Some(password), ..server }
        }
    }
}

/// In words, without what the helper printed: that may hold the secret.
fn describe(error: &RetrievalError) -> String {
    match error {
        RetrievalError::HelperFailure { helper, .. } => format!("{helper} failed"),
        other => other.to_string(),
    }
}
