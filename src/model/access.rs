//! Who may speak with a manager: tokens that were given out, and nodes that were let in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::id::NodeName;
use super::time::Timestamp;

/// What a token lets its bearer do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Let a worker join, and nothing else.
    Join,
    /// See everything, change nothing.
    Read,
    /// Run and stop tasks, too.
    Operate,
    /// Everything.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Join, Self::Read, Self::Operate, Self::Admin];

    /// The word in the database and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }

    /// Whether this role includes another. Who may join may do nothing else, and nobody else may join.
    pub const fn includes(self, other: Self) -> bool {
        match other {
            Self::Join => matches!(self, Self::Join),
            Self::Read => matches!(self, Self::Read | Self::Operate | Self::Admin),
            Self::Operate => matches!(self, Self::Operate | Self::Admin),
            Self::Admin => matches!(self, Self::Admin),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|known| known.word() == word)
            .ok_or_else(|| format!("{word:?} is no role: join, read, operate and admin are"))
    }
}

/// What processes of the manager's own machine need to be obeyed: the setting `ORC_LOCAL_ACCESS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LocalAccess {
    /// Nothing: over loopback, everything is open to them.
    #[default]
    Open,
    /// A token, as everybody else.
    Token,
}

impl FromStr for LocalAccess {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "open" => Ok(Self::Open),
            "token" => Ok(Self::Token),
            _ => Err("open or token belongs there".to_owned()),
        }
    }
}

/// A token that was given out, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Stands in the token itself, so that a person can tell which one is which.
    pub id: String,
    /// What it lets its bearer do.
    pub role: Role,
    /// What it is for, in the words of whoever made it; may be empty.
    pub name: String,
    /// SHA-256 of its secret, in hex.
    pub digest: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; `None` = never.
    pub expires_at: Option<Timestamp>,
    /// How often it may be used from now on; `None` = without end.
    pub uses_left: Option<u32>,
    /// When it was made void; `None` = it was not.
    pub revoked_at: Option<Timestamp>,
}

/// A worker that was let in under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Its node's name.
    pub node: NodeName,
    /// SHA-256 of its public key, in hex: who has the key is this worker.
    pub key: String,
    /// When it was let in.
    pub admitted_at: Timestamp,
    /// When it was put out again; `None` = it was not.
    pub removed_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_includes_those_below_it_and_none_includes_joining() {
        use Role::{Admin, Join, Operate, Read};
        for (role, included) in [
            (Join, vec![Join]),
            (Read, vec![Read]),
            (Operate, vec![Read, Operate]),
            (Admin, vec![Read, Operate, Admin]),
        ] {
            let found: Vec<Role> = Role::ALL.into_iter().filter(|other| role.includes(*other)).collect();
            assert_eq!(found, included, "{role}");
        }
    }

    #[test]
    fn a_role_is_read_by_its_word() {
        for role in Role::ALL {
            assert_eq!(role.word().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().is_err());
    }
}
