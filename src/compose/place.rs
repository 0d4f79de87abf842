//! Where something is written: which file, which line, which column.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that was read.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// As people would name it.
    pub name: String,
    /// The directory that relative paths in it start from.
    pub base: PathBuf,
}

/// A place in a file. Places sort by file, then line, then column.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub source: Arc<Source>,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
}

impl Place {
    /// A path as it is meant by who wrote it here.
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        normal(&self.source.base.join(path))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source.name, self.line, self.column)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A value, and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// What is written.
    pub value: T,
    /// Where.
    pub at: Place,
}

/// The path without `.` and, where something precedes it, without `..`. By the text alone: a link is not followed.
pub(super) fn normal(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(normal.components().next_back(), Some(Component::Normal(_))) => {
                normal.pop();
            }
            Component::ParentDir if normal.has_root() => {}
            part => normal.push(part),
        }
    }
    if normal.as_os_str().is_empty() { PathBuf::from(".") } else { normal }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_tidied_without_looking_at_the_disk() {
        for (path, tidy) in [
            ("/srv/app/./data", "/srv/app/data"),
            ("/srv/app/../data", "/srv/data"),
            ("/../data", "/data"),
            ("../data", "../data"),
            ("a/../../b", "../b"),
            ("./", "."),
        ] {
            assert_eq!(normal(Path::new(path)), Path::new(tidy), "{path}");
        }
    }

    #[test]
    fn a_place_reads_as_compilers_write_it() {
        let source = Arc::new(Source { name: "compose.yaml".into(), base: "/srv".into() });
        let place = Place { source, line: 12, column: 5 };
        assert_eq!(place.to_string(), "compose.yaml:12:5");
        assert_eq!(place.resolve("./data"), Path::new("/srv/data"));
        assert_eq!(place.resolve("/data"), Path::new("/data"));
    }
}
