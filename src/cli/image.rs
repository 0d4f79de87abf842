//! `orc image`: what `orc deploy` built and the manager hands out.

use clap::Subcommand;

use super::error::CliError;
use super::list::ListArgs;
use super::target::Environment;
use super::{table, words};
use crate::model::time::Timestamp;
use crate::wire::built_image::BuiltImage;

/// What can be done.
#[derive(Debug, Subcommand)]
pub(super) enum ImageCommand {
    /// List them; each goes a day after nothing names it any more
    Ls(ListArgs),
}

/// Does it.
pub(super) async fn execute(command: ImageCommand, environment: &Environment) -> Result<(), CliError> {
    let ImageCommand::Ls(args) = command;
    let images = args.api(environment)?.images().await?;
    args.print(&images, render)
}

fn render(images: &[BuiltImage], now: Timestamp, width: Option<u16>) -> String {
    let rows = images.iter().map(|image| {
        [image.name.clone(), words::size(image.size), words::age(&image.at, now), words::plain(&image.by)]
    });
    table::render(["NAME", "SIZE", "SENT", "BY"], rows, width)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn images_are_a_table() {
        let image = BuiltImage {
            name: "shop-web:1a2b3c4d5e6f".to_owned(),
            reference: "orc.local/shop-web:1a2b3c4d5e6f".to_owned(),
            size: 5 << 20,
            digest: "0".repeat(64),
            by: "ada".to_owned(),
            at: "2026-11-22T07:26:19.690Z".to_owned(),
        };
        let now = Timestamp::parse("2026-11-22T10:26:19.690Z").unwrap();
        expect![[r"
            NAME                    SIZE    SENT   BY
            shop-web:1a2b3c4d5e6f   5 MiB   3h     ada"]]
        .assert_eq(&render(&[image], now, None));
    }
}
