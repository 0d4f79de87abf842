//! Images that the manager hands out: taken whole or not at all, and given to workers whose tasks name them.

mod fetching;
mod sending;

use bollard::query_parameters as query;
use futures_util::StreamExt;
use serde_json::Value;

use crate::support::docker::{BUSYBOX, RawDocker};
use crate::support::http::{Answer, ask};
use crate::support::orc::TestOrc;

/// An image that the engine for tests does not have, and its archive.
struct Archived {
    /// Without the host.
    name: String,
    bytes: Vec<u8>,
}

impl Archived {
    /// Busybox under a name of this test's own.
    async fn new(orc: &TestOrc) -> Self {
        let (name, engine) = (format!("{}:1a2b3c4d5e6f", orc.name("shop")), RawDocker::of_tests());
        let (repository, reference) =
            (format!("orc.local/{}", orc.name("shop")), format!("orc.local/{name}"));
        let options = query::TagImageOptionsBuilder::new().repo(&repository).tag("1a2b3c4d5e6f").build();
        engine.api.tag_image(BUSYBOX, Some(options)).await.unwrap();
        let pieces: Vec<_> = engine.api.export_image(&reference).map(Result::unwrap).collect().await;
        let archived = Self { name, bytes: pieces.concat() };
        archived.forget(orc).await;
        archived
    }

    fn reference(&self) -> String {
        format!("orc.local/{}", self.name)
    }

    /// Takes it off the engine.
    async fn forget(&self, orc: &TestOrc) {
        let force = query::RemoveImageOptionsBuilder::new().force(true).build();
        orc.docker.api.remove_image(&self.reference(), Some(force), None).await.unwrap();
    }

    async fn send(&self, orc: &TestOrc) -> Answer {
        send(orc, &self.name, &self.bytes).await
    }
}

async fn send(orc: &TestOrc, name: &str, bytes: &[u8]) -> Answer {
    ask(orc.manager_port, "PUT", &format!("/images/{name}"), &[], bytes.to_vec()).await.unwrap()
}

/// The files of the manager's archives.
fn files(orc: &TestOrc) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(orc.data_dir().join("images")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

async fn listed(orc: &TestOrc) -> Vec<Value> {
    orc.get("/images").await.as_array().unwrap().clone()
}
