//! Images of a project: built here by the `docker` program, and sent to where nodes can fetch them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use super::upload;
use crate::cli::api::Api;
use crate::cli::docker::{self, DockerError};
use crate::cli::error::CliError;
use crate::cli::output;
use crate::cli::target::Environment;
use crate::deploy::{Action, DeclaredBuild, Plan, Stack};
use crate::model::id::RequestId;
use crate::model::image::{HOST, ImageName, RegistryPrefix, tag};
use crate::settings::flags::ServerFlags;

/// The tag of what was built last on this machine.
const LAST: &str = "latest";

/// Whether images are built, and where they go.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Images that `build:` builds")]
#[expect(clippy::doc_markdown, reason = "clap prints these comments as they are")]
pub(super) struct ImageArgs {
    /// Push them there, with the logins of `docker`, for nodes to pull [default: ORC_REGISTRY, here or in .env; the
    /// manager hands them out where none is named]
    #[arg(long, value_name = "HOST[:PORT][/PREFIX]")]
    registry: Option<RegistryPrefix>,

    /// Build nothing: take what was built last on this machine
    #[arg(long)]
    no_build: bool,
}

/// What was built.
pub(super) struct Images {
    built: Vec<Built>,
    /// `None` = the manager hands them out.
    registry: Option<RegistryPrefix>,
}

/// One image.
struct Built {
    declared: DeclaredBuild,
    /// What nodes call it.
    reference: String,
}

impl Images {
    /// Builds all images of a stack, or finds those that are there.
    pub(super) async fn build(
        stack: &Stack,
        args: ImageArgs,
        environment: &Environment,
    ) -> Result<Self, CliError> {
        let mut images = Self { built: Vec::new(), registry: args.registry };
        if stack.builds.is_empty() {
            return Ok(images);
        }
        if images.registry.is_none() {
            images.registry = environment.settings(&ServerFlags::default())?.registry;
        }
        for declared in &stack.builds {
            let id = if args.no_build { find(declared).await } else { build(declared).await }?;
            let reference = images.name(declared, &id).await?;
            images.built.push(Built { declared: declared.clone(), reference });
        }
        Ok(images)
    }

    /// The images by the services that say how they are built.
    pub(super) fn references(&self) -> BTreeMap<String, String> {
        self.built.iter().map(|built| (built.declared.of.clone(), built.reference.clone())).collect()
    }

    /// Gives an image the name under which nodes know it.
    async fn name(&self, declared: &DeclaredBuild, id: &str) -> Result<String, CliError> {
        let Some(tag) = tag(id) else {
            return Err(failed(
                declared,
                &format!("`docker` calls its image {id:?}, which is no identifier"),
            ));
        };
        let host = self.registry.as_ref().map_or_else(|| HOST.to_owned(), ToString::to_string);
        let reference = format!("{host}/{}:{tag}", declared.repository);
        docker::ask(&["tag", id, &reference]).await.map_err(|error| {
            let hint =
                "a builder that keeps images to itself has to load them, as `docker buildx use default` does";
            failed(declared, &format!("was made and is not among the images of `docker` ({error}): {hint}"))
        })?;
        Ok(reference)
    }

    /// Sends them to the manager where it does not have them; to a registry, those of services that are created or changed.
    pub(super) async fn send(&self, api: &Api, plan: &Plan) -> Result<(), CliError> {
        for built in &self.built {
            let is_of = |service: &str| built.declared.services.iter().any(|name| name == service);
            let is_new = |action| matches!(action, Action::Create | Action::Change);
            let is_wanted = plan.services.iter().any(|step| is_of(&step.service) && is_new(step.action));
            if let Some(Ok(name)) = ImageName::in_reference(&built.reference) {
                upload::send(api, &name)
                    .await
                    .map_err(|error| failed(&built.declared, &format!("was built, and {error}")))?;
            } else if is_wanted {
                output::note(&format!("pushing {}", built.reference));
                docker::run(&["push", &built.reference], None)
                    .await
                    .map_err(|error| failed(&built.declared, &format!("could not be pushed: {error}")))?;
            }
        }
        Ok(())
    }
}

/// Builds an image; its identifier.
async fn build(declared: &DeclaredBuild) -> Result<String, CliError> {
    let names = std::iter::once(last(declared)).chain(declared.names.iter().cloned());
    let file = IdFile::new();
    let mut args = vec!["build".to_owned(), "--iidfile".to_owned(), file.0.display().to_string()];
    args.extend(names.flat_map(|name| ["--tag".to_owned(), name]));
    args.extend(declared.recipe.options.iter().cloned());
    args.push(declared.recipe.context.clone());
    output::note(&format!("building {} for {}", declared.repository, declared.services.join(", ")));
    let running = docker::run(&args, declared.recipe.dockerfile.as_deref());
    running.await.map_err(|error| failed(declared, &format!("failed: {error}")))?;
    let id = file.read();
    id.map_err(|error| {
        failed(declared, &format!("succeeded, and `docker` does not say what it made: {error}"))
    })
}

/// What was built last.
async fn find(declared: &DeclaredBuild) -> Result<String, CliError> {
    let name = last(declared);
    let asking = docker::ask(&["image", "inspect", "--format", "{{.Id}}", &name]).await;
    asking.map_err(|error| match error {
        DockerError::Failed { .. } => failed(
            declared,
            &format!(
                "has made no image on this machine yet ({name} is not there): deploy without --no-build"
            ),
        ),
        error => failed(declared, &error.to_string()),
    })
}

/// What the image that was built last is called on this machine.
fn last(declared: &DeclaredBuild) -> String {
    format!("{HOST}/{}:{LAST}", declared.repository)
}

fn failed(declared: &DeclaredBuild, says: &str) -> CliError {
    let DeclaredBuild { at, of, .. } = declared;
    CliError::Failed(format!("{at}: services.{of}.build {says}; nothing was changed"))
}

/// A file for the identifier of an image; gone when this is dropped.
struct IdFile(PathBuf);

impl IdFile {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("orc-{}.id", RequestId::generate())))
    }

    fn read(&self) -> std::io::Result<String> {
        std::fs::read_to_string(&self.0).map(|id| id.trim().to_owned())
    }
}

impl Drop for IdFile {
    fn drop(&mut self) {
        // Not there when nothing was built.
        let _ = std::fs::remove_file(&self.0);
    }
}
