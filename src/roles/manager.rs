//! The process's manager: its store, its address, and what others are let in with.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Employer, Process, RoleError, addresses};
use crate::clock::Clock;
use crate::manager::admission::{Invitation, Wish};
use crate::manager::keeper::Keeper;
use crate::manager::{self, Manager};
use crate::model::access::{LocalAccess, Role};
use crate::model::id::ClusterId;
use crate::plan::cluster::reconcile::Patience;
use crate::serve::{self, Bound};
use crate::settings::{MANAGER_PORT, Settings};
use crate::store::manager::ManagerStore;
use crate::trust::authority::CERTIFY_EVERY;
use crate::trust::registry::Earlier;
use crate::trust::server::Door;
use crate::trust::{ApiToken, Authority, DIR, files};
use crate::wire::policy::{BindRoots, Policy};

/// A manager whose store and address are taken.
pub(super) struct PreparedManager {
    store: ManagerStore,
    bound: Bound,
    /// By which this process's own workers are known, when processes of this machine need a token.
    own: Option<ApiToken>,
}

pub(super) async fn prepare(settings: &Settings) -> Result<PreparedManager, RoleError> {
    let store = ManagerStore::open(&settings.data_dir, Clock.now().wall).await?;
    let bound = serve::bind(&settings.manager, MANAGER_PORT)?;
    let own = (settings.local_access == LocalAccess::Token).then(ApiToken::generate);
    Ok(PreparedManager { store, bound, own })
}

impl PreparedManager {
    /// How this process's own workers reach it.
    pub(super) fn employer(&self) -> Employer {
        Employer::Own { url: self.bound.address.local_url(), token: self.own.clone() }
    }

    /// Starts it; what is printed then.
    pub(super) async fn start(
        self,
        process: &Process,
        settings: &Settings,
    ) -> Result<Vec<String>, RoleError> {
        let mut banner = vec![format!("Starting Orc manager at {}", self.bound)];
        let reader = self.store.reader();
        let patience = Patience { lease: settings.lease, retention: settings.retention };
        let (keeper, ends) =
            Keeper::open(self.store, &settings.data_dir, settings.scheduler, patience).await?;
        let cluster = keeper.cluster();
        let policy = Policy {
            bind_roots: BindRoots(settings.bind_mounts.clone()),
            capabilities: settings.capabilities.clone(),
        };
        let handle =
            Manager::new(ends, reader, policy, process.stop.clone()).taking_images(settings.image_limit);
        process.keep(keeper.run(process.stop.clone()));
        let handle = match &self.own {
            Some(own) => {
                let handle = handle.guarding_loopback(own);
                keep_admin_token(&handle, settings).await?;
                handle
            }
            None => handle,
        };
        let (handle, bound) = if self.bound.address.is_loopback() {
            (handle, self.bound)
        } else {
            let opened = open(process, settings, handle, self.bound, cluster).await?;
            banner.extend(opened.welcome);
            (opened.handle, opened.bound)
        };
        let options = serve::Options { routes: manager::http::ROUTES, ..serve::Options::default() };
        serve::start(bound, manager::http::router(handle), options, &process.stop, &process.tracker);
        Ok(banner)
    }
}

/// A manager that other machines can reach.
struct Opened {
    handle: Manager,
    bound: Bound,
    welcome: Vec<String>,
}

/// Lets others in by TLS, with the cluster's authority and an administrator's token, both made at the first start.
async fn open(
    process: &Process,
    settings: &Settings,
    handle: Manager,
    bound: Bound,
    cluster: ClusterId,
) -> Result<Opened, RoleError> {
    let found = Authority::open(&settings.data_dir, cluster)?;
    let is_first_start = found.is_none();
    let now = Clock.now().wall;
    let authority = found.map_or_else(|| Authority::create(&settings.data_dir, cluster, now), Ok)?;
    let names = addresses::names(&settings.advertise);
    let door = Door::new(Arc::new(authority), &names, now)?;
    process.spawn(certify(door.clone(), settings.advertise.clone()));
    let address = addresses::best(&settings.advertise, &bound.address);
    let handle = handle.inviting(Invitation { door: door.clone(), address });
    process.spawn(handle.rotation_ends(door.clone()));
    keep_admin_token(&handle, settings).await?;
    let welcome = if is_first_start { welcome(&handle, settings).await? } else { Vec::new() };
    Ok(Opened { handle, bound: bound.behind(door), welcome })
}

fn admin_token_path(settings: &Settings) -> PathBuf {
    settings.data_dir.join(DIR).join("admin-token")
}

/// Makes a token for the administrator when there is no file with one.
async fn keep_admin_token(handle: &Manager, settings: &Settings) -> Result<(), RoleError> {
    let path = admin_token_path(settings);
    if files::read(&path)?.is_some() {
        return Ok(());
    }
    let wish = Wish {
        role: Role::Admin,
        name: "made by orc for whoever starts it".to_owned(),
        life: None,
        uses: None,
        earlier: Earlier::Keep,
    };
    if let Some(made) = handle.grant(wish).await? {
        files::write(&path, &format!("{}\n", made.secret))?;
    }
    Ok(())
}

/// What is printed when the authority was made: how to join, and where the administrator's token is.
async fn welcome(handle: &Manager, settings: &Settings) -> Result<Vec<String>, RoleError> {
    let wish = Wish {
        role: Role::Join,
        name: "printed at the first start".to_owned(),
        life: None,
        uses: None,
        earlier: Earlier::Keep,
    };
    let command = handle.grant(wish).await?.and_then(|made| made.command).unwrap_or_default();
    Ok(vec![
        "To join a worker, within an hour, type on its machine (`orc node token` prints such a line again):"
            .to_owned(),
        format!("  {command}"),
        format!("The administrator's token is in {}", admin_token_path(settings).display()),
    ])
}

/// Shows a new certificate every now and then, for the addresses that the machine has by then.
async fn certify(door: Door, advertise: Vec<String>) {
    loop {
        tokio::time::sleep(CERTIFY_EVERY).await;
        if let Err(error) = door.renew(&addresses::names(&advertise), Clock.now().wall) {
            tracing::error!("the manager's certificate could not be renewed: {error}");
        }
    }
}
