//! Registry logins of this host: what `docker login` left in its configuration or in a credential helper.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::auth::DockerCredentials;
use docker_credential::{CredentialRetrievalError as RetrievalError, DockerCredential};

/// Helpers ask key rings and clouds; one that hangs must not hold up a pull for longer.
const HELPER_DEADLINE: Duration = Duration::from_secs(10);

/// Where this host's logins are kept: `config.json` in the Docker client's directory.
#[derive(Debug, Clone, Default)]
pub(super) struct Logins(Option<PathBuf>);

impl Logins {
    /// Those in `config_dir`; without one there are none.
    pub(super) fn in_directory(config_dir: Option<&Path>) -> Self {
        Self(config_dir.map(|directory| directory.join("config.json")))
    }

    /// The login for a registry; `None` = pull as anybody. A login that cannot be had is no reason not to try:
    /// most images are public, and the registry's own refusal says more.
    pub(super) async fn find(&self, registry: &str) -> Option<DockerCredentials> {
        let file = self.0.clone()?;
        let key = configuration_key(registry).to_owned();
        let lookup = tokio::task::spawn_blocking(move || look_up(&file, &key));
        let problem = match tokio::time::timeout(HELPER_DEADLINE, lookup).await {
            Ok(Ok(Ok(credential))) => {
                return credential.map(|credential| in_bollards_words(credential, registry));
            }
            Ok(Ok(Err(problem))) => problem,
            Ok(Err(_)) => "reading it panicked".to_owned(),
            Err(_) => format!("the credential helper has not answered for {} s", HELPER_DEADLINE.as_secs()),
        };
        tracing::warn!(registry, problem, "The login for this registry cannot be had: pulling without one");
        None
    }
}

/// Reads the file, and asks the helper that it names; may take as long as that.
fn look_up(file: &Path, key: &str) -> Result<Option<DockerCredential>, String> {
    let config = match File::open(file) {
        Ok(config) => BufReader::new(config),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
    };
    match docker_credential::get_credential_from_reader(config, key) {
        Ok(credential) => Ok(Some(credential)),
        Err(RetrievalError::NoCredentialConfigured) => Ok(None),
        // The helpers' own protocol: this text, and exit code 1.
        Err(RetrievalError::HelperFailure { stdout, .. }) if stdout.contains("credentials not found") => {
            Ok(None)
        }
        Err(error) => Err(describe(&error)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The login for `registry` that a `config.json` with this text gives: name and password.
    async fn login(config: &str, registry: &str) -> Option<(String, String)> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("config.json"), config).unwrap();
        let found = Logins::in_directory(Some(directory.path())).find(registry).await?;
        assert_eq!(found.serveraddress.as_deref(), Some(registry));
        Some((found.username?, found.password?))
    }

    #[tokio::test]
    async fn a_login_is_found_under_its_registrys_name() {
        // `printf orc:secret | base64`
        let config = r#"{"auths":{"127.0.0.1:5000":{"auth":"b3JjOnNlY3JldA=="},
            "https://index.docker.io/v1/":{"auth":"b3JjOmh1Yg=="}}}"#;
        let named = |password: &str| Some(("orc".to_owned(), password.to_owned()));
        assert_eq!(login(config, "127.0.0.1:5000").await, named("secret"));
        assert_eq!(login(config, "docker.io").await, named("hub"));
        assert_eq!(login(config, "ghcr.io").await, None);
    }

    #[tokio::test]
    async fn without_a_usable_configuration_there_is_no_login() {
        assert_eq!(login("{}", "ghcr.io").await, None);
        assert_eq!(login("not json", "ghcr.io").await, None);
        assert_eq!(login(r#"{"credsStore":"orc-test-absent"}"#, "ghcr.io").await, None);
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Logins::in_directory(Some(directory.path())).find("ghcr.io").await, None);
        assert_eq!(Logins::in_directory(None).find("ghcr.io").await, None);
    }

    #[test]
    fn what_a_helper_printed_is_kept_out_of_the_log() {
        let failure = RetrievalError::HelperFailure {
            helper: "docker-credential-x".to_owned(),
            stdout: "hunter2".to_owned(),
            stderr: "hunter2".to_owned(),
        };
        assert_eq!(describe(&failure), "docker-credential-x failed");
    }
}
