//! What an archive of an image calls what is in it. An engine takes those names over, whoever's they are: one that names
//! more than the image that it is said to be would give other programs of a host another image than theirs.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use tar::{Archive, EntryType};

use crate::model::image::ImageName;

/// What says which images are there, to engines with a store of their own.
const MANIFEST: &str = "manifest.json";

/// The same, to engines with that of containerd.
const INDEX: &str = "index.json";

/// The most of any of these that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// The names in an index.
const ANNOTATIONS: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

/// One image of a manifest.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    repo_tags: Option<Vec<String>>,
}

/// Checks that the archive in a file is of this image and of no other. The error is a sentence.
pub(super) fn check(path: &Path, image: &ImageName) -> Result<(), String> {
    let no_archive = |error: io::Error| format!("this is no archive as `docker save` makes it: {error}");
    let mut archive = Archive::new(File::open(path).map_err(no_archive)?);
    let (mut manifest, mut index) = (None, None);
    for entry in archive.entries_with_seek().map_err(no_archive)? {
        let entry = entry.map_err(no_archive)?;
        let path = entry.path().map_err(no_archive)?.into_owned();
        let kept = match path.file_name().and_then(OsStr::to_str) {
            Some(MANIFEST) => &mut manifest,
            Some(INDEX) => &mut index,
            // The older `repositories` is not read where there is a manifest.
            _ => continue,
        };
        let is_plain = path.components().count() == 1 && entry.header().entry_type() == EntryType::Regular;
        if !is_plain || kept.is_some() {
            return Err(format!(
                "the archive has {} in a place of its own, where an engine may read it",
                path.display()
            ));
        }
        *kept = Some(read(entry, &path)?);
    }
    let Some(manifest) = manifest else {
        return Err(format!("this is no archive as `docker save` makes it: it has no {MANIFEST}"));
    };
    let reference = image.reference();
    let listed: Vec<Listed> = serde_json::from_slice(&manifest)
        .map_err(|error| format!("the {MANIFEST} of the archive cannot be read: {error}"))?;
    match &listed[..] {
        [Listed { repo_tags: Some(names) }] if *names == [reference.clone()] => {}
        _ => {
            return Err(format!(
                "the archive is not of {reference} alone: `docker save {reference}` makes one that is"
            ));
        }
    }
    index.map_or(Ok(()), |index| check_index(&index, &reference))
}

fn read(entry: impl Read, path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = entry.take(LONGEST + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("{} of the archive cannot be read: {error}", path.display()))?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("{} of the archive is larger than {LONGEST} bytes", path.display()));
    }
    Ok(bytes)
}

/// Every name in it has to be this reference, or its tag.
fn check_index(index: &[u8], reference: &str) -> Result<(), String> {
    let index: Value = serde_json::from_slice(index)
        .map_err(|error| format!("the {INDEX} of the archive cannot be read: {error}"))?;
    let tag = reference.rsplit(':').next().unwrap_or_default();
    let manifests = index["manifests"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names = manifests.iter().flat_map(|manifest| {
        ANNOTATIONS.iter().filter_map(|name| manifest["annotations"].get(*name)).collect::<Vec<_>>()
    });
    for name in names {
        if name != reference && name != tag {
            return Err(format!("the {INDEX} of the archive names {name}, which is not {reference}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tar::{Builder, Header};

    use super::*;

    const REFERENCE: &str = "orc.local/shop-web:1a2b3c4d5e6f";

    /// An archive of these files, checked.
    fn checked(files: &[(&str, Value)]) -> Result<(), String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut archive = Builder::new(file.reopen().unwrap());
        for (name, content) in files {
            let bytes = content.to_string().into_bytes();
            let mut header = Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            archive.append_data(&mut header, name, &bytes[..]).unwrap();
        }
        archive.into_inner().unwrap();
        check(file.path(), &"shop-web:1a2b3c4d5e6f".parse().unwrap())
    }

    fn manifest(names: &[&str]) -> Value {
        json!([{ "Config": "c.json", "RepoTags": names, "Layers": ["l/layer.tar"] }])
    }

    fn index(name: &str) -> Value {
        json!({ "manifests": [{ "annotations": { "io.containerd.image.name": name } }] })
    }

    #[test]
    fn an_archive_of_the_image_alone_is_taken() {
        assert_eq!(checked(&[("c.json", json!({})), ("manifest.json", manifest(&[REFERENCE]))]), Ok(()));
        assert_eq!(
            checked(&[("index.json", index(REFERENCE)), ("manifest.json", manifest(&[REFERENCE]))]),
            Ok(())
        );
        assert_eq!(
            checked(&[("index.json", index("1a2b3c4d5e6f")), ("manifest.json", manifest(&[REFERENCE]))]),
            Ok(())
        );
    }

    #[test]
    fn an_archive_that_would_bring_another_name_is_refused() {
        let own = || ("manifest.json", manifest(&[REFERENCE]));
        for (files, words) in [
            (vec![("manifest.json", manifest(&[REFERENCE, "nginx:latest"]))], "not of orc.local/shop-web"),
            (vec![("manifest.json", manifest(&["nginx:latest"]))], "not of orc.local/shop-web"),
            (vec![("manifest.json", json!([{ "RepoTags": null }]))], "not of orc.local/shop-web"),
            (vec![own(), own()], "in a place of its own"),
            (vec![own(), ("x/manifest.json", manifest(&["nginx:latest"]))], "in a place of its own"),
            (
                vec![own(), ("index.json", index("docker.io/library/nginx:latest"))],
                "names \"docker.io/library/nginx",
            ),
            (vec![("repositories", json!({ "nginx": { "latest": "x" } }))], "no manifest.json"),
            (vec![("manifest.json", json!("x"))], "cannot be read"),
        ] {
            let refused = checked(&files).unwrap_err();
            assert!(refused.contains(words), "{words:?} is not in {refused:?}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "not an archive at all").unwrap();
        let refused = check(file.path(), &"shop-web:1a2b3c4d5e6f".parse().unwrap()).unwrap_err();
        assert!(refused.contains("no archive as `docker save` makes it"), "{refused}");
    }
}
