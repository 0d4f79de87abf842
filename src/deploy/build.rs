//! Images that are built for services: of what, by which arguments of `docker`, and what they are called.

use std::collections::BTreeMap;

use super::Stack;
use super::note::Scope;
use crate::compose::service::build::{Build, BuildContext, Dockerfile};
use crate::compose::service::network::HostAddress;
use crate::compose::{Place, Project, Service};
use crate::model::image::{HOST, repository};

/// An image that is built for services of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredBuild {
    /// The service that says how; of several that say the same, the first by name.
    pub of: String,
    /// Where that is written.
    pub at: Place,
    /// What the image is called, without the host before it and the tag behind it, as in `shop-web`.
    pub repository: String,
    /// How it is made.
    pub recipe: Recipe,
    /// What else it is called on the machine that builds it.
    pub names: Vec<String>,
    /// The services that run it, by their names in the project.
    pub services: Vec<String>,
}

/// How an image is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Options of `docker build`.
    pub options: Vec<String>,
    /// The directory or URL with what goes into it.
    pub context: String,
    /// What goes to standard input as the Dockerfile, where it is in none.
    pub dockerfile: Option<String>,
}

/// The tag of an image before it is built, when nobody can know what will be in it.
const UNBUILT: &str = "unbuilt";

/// The service that says how the image of another, or its own, is built: of several that say the same, the first.
pub(super) fn builder<'p>(project: &'p Project, service: &Service) -> Option<&'p Service> {
    let mut services = project.services.values();
    if let Some(build) = &service.build {
        return services.find(|other| {
            let is_same = other.build.as_ref().is_some_and(|other| other.value == build.value);
            is_same && platform(other) == platform(service)
        });
    }
    let image = &service.image.as_ref()?.value;
    let is_named = |other: &&Service| other.image.as_ref().is_some_and(|other| other.value == *image);
    let named = services.find(|other| other.build.is_some() && is_named(other))?;
    builder(project, named)
}

/// What runs. Of what is built, only building tells more than the name.
pub(super) fn image(project: &Project, scope: &Scope<'_>) -> Option<String> {
    let service = scope.service;
    match builder(project, service) {
        Some(builder) => Some(format!("{HOST}/{}:{UNBUILT}", repository(&project.name, &builder.name))),
        None => service.image.as_ref().map(|image| image.value.clone()),
    }
}

/// Tells what is built otherwise than it is written, or not at all.
pub(super) fn check(scope: &mut Scope<'_>) {
    let Some(build) = scope.service.build.as_ref().map(|build| &build.value) else { return };
    if build.platforms.len() > 1 {
        scope.refuse(
            "build.platforms",
            "one platform is built at a time; an image of several is built with `docker buildx build --push`, and named under \
             `image`",
        );
    }
    if build.no_cache {
        scope.warn(
            "build.no_cache",
            "it is, and so each deployment makes a new image and replaces the tasks that run it",
        );
    }
}

/// Every image that is built for a project, by the service that says how.
pub(super) fn declared(project: &Project) -> Vec<DeclaredBuild> {
    let mut declared: BTreeMap<&str, DeclaredBuild> = BTreeMap::new();
    for service in project.services.values() {
        let Some(builder) = builder(project, service) else { continue };
        let Some(build) = &builder.build else { continue };
        let entry = declared.entry(builder.name.as_str()).or_insert_with(|| DeclaredBuild {
            of: builder.name.clone(),
            at: builder.place_of("build").clone(),
            repository: repository(&project.name, &builder.name),
            recipe: recipe(&build.value, platform(builder)),
            names: Vec::new(),
            services: Vec::new(),
        });
        entry.services.push(service.name.clone());
        if let Some(build) = &service.build {
            let names = service.image.iter().map(|image| &image.value).chain(&build.value.tags);
            entry.names.extend(names.cloned());
        }
        entry.names.sort();
        entry.names.dedup();
    }
    declared.into_values().collect()
}

/// What the service says of the machines that it is for.
fn platform(service: &Service) -> Option<&str> {
    service.platform.as_ref().map(|platform| platform.value.as_str())
}

fn recipe(build: &Build, platform: Option<&str>) -> Recipe {
    let mut options = Vec::new();
    let mut say = |option: &str, value: String| options.extend([option.to_owned(), value]);
    let (context, file) = match (&build.context, &build.dockerfile) {
        (BuildContext::Directory(directory), Dockerfile::File(file)) => {
            (directory.display().to_string(), Some(directory.join(file).display().to_string()))
        }
        (BuildContext::Directory(directory), Dockerfile::Inline(_)) => {
            (directory.display().to_string(), None)
        }
        (BuildContext::Remote(url), Dockerfile::File(file)) => (url.clone(), Some(file.clone())),
        (BuildContext::Remote(url), Dockerfile::Inline(_)) => (url.clone(), None),
    };
    say("--file", file.unwrap_or_else(|| "-".to_owned()));
    for (name, value) in &build.args {
        let value = value.as_ref().map(|value| format!("={value}")).unwrap_or_default();
        say("--build-arg", format!("{name}{value}"));
    }
    for (name, value) in &build.labels {
        say("--label", format!("{name}={value}"));
    }
    for (option, value) in [
        ("--target", build.target.clone()),
        ("--network", build.network.clone()),
        ("--shm-size", build.shm_size.map(|bytes| bytes.to_string())),
        ("--platform", build.platforms.first().cloned().or_else(|| platform.map(str::to_owned))),
    ] {
        if let Some(value) = value {
            say(option, value);
        }
    }
    for (name, addresses) in &build.extra_hosts {
        for address in addresses {
            say("--add-host", format!("{name}:{}", in_words(address)));
        }
    }
    for image in &build.cache_from {
        say("--cache-from", image.clone());
    }
    options.extend(build.no_cache.then(|| "--no-cache".to_owned()));
    options.extend(build.pull.then(|| "--pull".to_owned()));
    let dockerfile = match &build.dockerfile {
        Dockerfile::Inline(text) => Some(text.clone()),
        Dockerfile::File(_) => None,
    };
    Recipe { options, context, dockerfile }
}

fn in_words(address: &HostAddress) -> String {
    match address {
        HostAddress::Ip(ip) => ip.to_string(),
        HostAddress::HostGateway => "host-gateway".to_owned(),
    }
}

impl Stack {
    /// The same with what was built: an image by the service that says how.
    #[must_use = "this is another one"]
    pub fn with_images(mut self, images: &BTreeMap<String, String>) -> Self {
        for build in &self.builds {
            let Some(image) = images.get(&build.of) else { continue };
            for declared in self.services.iter_mut().filter(|declared| build.services.contains(&declared.of))
            {
                declared.input.task.image = Some(image.clone());
                declared.wanted.task.image = Some(image.clone());
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Request, load};
    use crate::deploy::{Translation, translate};

    fn translation(text: &str) -> Translation {
        let files: BTreeMap<std::path::PathBuf, String> =
            [("/srv/shop/compose.yaml".into(), text.to_owned())].into();
        let environment = [("FROM_HERE".to_owned(), "x".to_owned())].into();
        let request = Request { directory: "/srv/shop".into(), environment, ..Request::default() };
        let reading = load(&request, &files);
        assert_eq!(reading.errors, [], "{text}");
        translate(&reading.project.unwrap(), &reading.support)
    }

    fn builds(text: &str) -> Vec<DeclaredBuild> {
        let translation = translation(text);
        translation.stack.unwrap_or_else(|| panic!("{:#?}", translation.notes)).builds
    }

    #[track_caller]
    fn check(build: &str, options: &str, context: &str) {
        let [only] = &builds(&format!("services: {{web: {{build: {build}}}}}"))[..] else {
            panic!("{build}")
        };
        assert_eq!(
            (only.recipe.options.join(" ").as_str(), only.recipe.context.as_str()),
            (options, context)
        );
    }

    #[test]
    fn a_build_is_arguments_of_docker() {
        check(".", "--file /srv/shop/Dockerfile", "/srv/shop");
        check("{context: ./app, dockerfile: ../D}", "--file /srv/shop/app/../D", "/srv/shop/app");
        check(
            "{context: 'https://example.com/a.git#v1'}",
            "--file Dockerfile",
            "https://example.com/a.git#v1",
        );
        check(
            "{context: ., args: {A: 1, B: null, FROM_HERE: null}, labels: {l: m}, target: t, network: host, shm_size: 1m, \
             platforms: [linux/arm64], extra_hosts: ['a:1.2.3.4', 'b:host-gateway'], cache_from: [c:1], no_cache: true, \
             pull: true}",
            "--file /srv/shop/Dockerfile --build-arg A=1 --build-arg B --build-arg FROM_HERE=x --label l=m --target t \
             --network host --shm-size 1048576 --platform linux/arm64 --add-host a:1.2.3.4 --add-host b:host-gateway \
             --cache-from c:1 --no-cache --pull",
            "/srv/shop",
        );
        let inline =
            builds("services: {web: {build: {dockerfile_inline: FROM a}, platform: linux/arm}}").remove(0);
        assert_eq!(inline.recipe.options.join(" "), "--file - --platform linux/arm");
        assert_eq!(inline.recipe.dockerfile.as_deref(), Some("FROM a"));
    }

    #[test]
    fn what_is_built_the_same_is_built_once_and_is_what_others_name_by_its_image() {
        let stack = translation(
            "services: {web: {build: ., image: app}, api: {build: {context: .}}, jobs: {image: app}, db: {image: db}, \
             other: {build: other}}",
        )
        .stack
        .unwrap();
        let found: Vec<_> =
            stack.builds.iter().map(|build| (build.of.as_str(), build.services.join(" "))).collect();
        assert_eq!(found, [("api", "api jobs web".to_owned()), ("other", "other".to_owned())]);
        assert_eq!(stack.builds[0].names, ["app"]);
        let images = [("api".to_owned(), "orc.local/shop-api:1".to_owned())].into();
        let stack = stack.with_images(&images);
        let image = |name: &str| {
            let declared = stack.services.iter().find(|declared| declared.of == name).unwrap();
            assert_eq!(declared.input.task.image, declared.wanted.task.image);
            declared.input.task.image.clone().unwrap()
        };
        assert_eq!(["web", "api", "jobs"].map(image), ["orc.local/shop-api:1"; 3]);
        assert_eq!(
            (image("db"), image("other")),
            ("db".to_owned(), "orc.local/shop-other:unbuilt".to_owned())
        );
    }

    #[test]
    fn what_cannot_be_built_is_refused_and_what_costs_more_than_it_says_is_warned_of() {
        let notes = |build: &str| {
            let notes = translation(&format!("services: {{web: {{build: {build}}}}}")).notes;
            notes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        let refused = notes("{context: ., platforms: [linux/arm64, linux/amd64]}");
        assert!(
            refused.starts_with("compose.yaml:1:38: services.web.build.platforms is refused: one"),
            "{refused}"
        );
        let warned = notes("{context: ., no_cache: true}");
        assert!(warned.contains("services.web.build.no_cache is not honoured: it is, and"), "{warned}");
        let warned = notes("., pull_policy: always");
        assert!(warned.contains("services.web.pull_policy is not honoured: its image is built"), "{warned}");
    }
}
