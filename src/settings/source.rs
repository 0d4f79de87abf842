//! Where a setting comes from: the command line, else the environment, else `.env`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::flags::ServerFlags;

/// A setting by its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The environment variable.
    pub env: &'static str,
    /// The flag of the same meaning, with its hyphens.
    pub flag: Option<&'static str>,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.flag {
            Some(flag) => write!(f, "{} ({flag})", self.env),
            None => f.write_str(self.env),
        }
    }
}

/// Who says what a setting is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    CommandLine,
    /// A real environment variable.
    Environment,
    /// A line of this file.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("on the command line"),
            Self::Environment => f.write_str("in the environment"),
            Self::File(path) => write!(f, "in {}", path.display()),
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value that cannot be understood, or must not be.
    #[error("{setting} is {value:?} {origin}: {problem}")]
    Invalid {
        /// Of which setting.
        setting: Setting,
        /// As it was given.
        value: String,
        /// By whom.
        origin: Origin,
        /// What is wrong with it, and what belongs there.
        problem: String,
    },
    /// `.env` is there and cannot be read.
    #[error("{} cannot be read: let this user read it, or remove it", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line of `.env` is no assignment. The line itself may hold a secret and is not repeated.
    #[error(
        "{} cannot be understood at line {line}: NAME=value belongs there, the value in quotes when it has spaces",
        .path.display()
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
}

/// All that is said about settings, by whomever.
pub(super) struct Sources<'a> {
    flags: &'a ServerFlags,
    environment: BTreeMap<OsString, OsString>,
    file: BTreeMap<String, String>,
    path: &'a Path,
}

impl<'a> Sources<'a> {
    /// Reads the `.env` at `path`, when there is one, below `environment` and `flags`.
    pub(super) fn read(
        flags: &'a ServerFlags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        path: &'a Path,
    ) -> Result<Self, SettingsError> {
        Ok(Self { flags, environment: environment.into_iter().collect(), file: read_dotenv(path)?, path })
    }

    /// The value of a setting as `parse` understands it, and `None` when nobody says anything. An empty value
    /// in the environment or in `.env` says nothing, but hides what is said below it.
    pub(super) fn get<T>(
        &self,
        setting: Setting,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, SettingsError> {
        let Some((value, origin)) = self.find(setting)? else { return Ok(None) };
        match parse(&value) {
            Ok(parsed) => Ok(Some(parsed)),
            Err(problem) => Err(SettingsError::Invalid { setting, value, origin, problem }),
        }
    }

    /// The value of a setting as it was given, and by whom.
    pub(super) fn find(&self, setting: Setting) -> Result<Option<(String, Origin)>, SettingsError> {
        if let Some(value) = self.flags.value(setting) {
            return Ok(Some((value.to_owned(), Origin::CommandLine)));
        }
        if let Some(value) = self.environment.get(std::ffi::OsStr::new(setting.env)) {
            let Some(text) = value.to_str() else {
                return Err(SettingsError::Invalid {
                    setting,
                    value: value.to_string_lossy().into_owned(),
                    origin: Origin::Environment,
                    problem: "text in UTF-8 belongs there".to_owned(),
                });
            };
            return Ok(Some((text.to_owned(), Origin::Environment)).filter(|(text, _)| !text.is_empty()));
        }
        let value = self.file.get(setting.env).filter(|text| !text.is_empty());
        Ok(value.map(|text| (text.clone(), Origin::File(self.path.to_owned()))))
    }

    /// The names of all variables, and where they are set.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&str, Origin)> {
        let environment = self.environment.keys().filter_map(|name| name.to_str());
        let file = self.file.keys().map(|name| (name.as_str(), Origin::File(self.path.to_owned())));
        environment.map(|name| (name, Origin::Environment)).chain(file)
    }
}

/// The assignments of a `.env`; none when there is no such file. The last of several to one name counts.
fn read_dotenv(path: &Path) -> Result<BTreeMap<String, String>, SettingsError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(SettingsError::Unreadable { path: path.to_owned(), source }),
    };
    let text = text.trim_start_matches('\u{feff}');
    dotenvy::from_read_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| SettingsError::Line { path: path.to_owned(), line: line_of(text, &error) })
}

/// The number of the line that an error of `dotenvy` is about, from 1.
fn line_of(text: &str, error: &dotenvy::Error) -> usize {
    let dotenvy::Error::LineParse(line, _) = error else { return 1 };
    let start = text.find(line.trim_end()).unwrap_or_default();
    text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1
}
