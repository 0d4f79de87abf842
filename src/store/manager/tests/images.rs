//! Images that the manager hands out, on real files.

use super::*;
use crate::model::image::StoredImage;

#[tokio::test]
async fn images_come_back_as_they_were_until_they_are_forgotten() {
    let mut fixture = Fixture::new().await;
    let image = |tag: &str, unused_since| StoredImage {
        name: format!("shop-web:{tag}").parse().unwrap(),
        file: format!("{tag}.tar"),
        size: 7,
        digest: "digest".to_owned(),
        by: "ada".to_owned(),
        at: samples::time(1),
        unused_since,
    };
    let used = image("1a2b3c4d5e6f", None);
    let unused = image("aaaaaaaaaaaa", Some(Duration::from_secs(7)));
    let batch = Batch { images: vec![used.clone(), unused.clone()], ..Batch::default() };
    fixture.store.commit(&batch).await.unwrap();
    let mut fixture = fixture.reopen().await;
    assert_eq!(fixture.store.load().await.unwrap().images, [used.clone(), unused.clone()]);

    let changed =
        StoredImage { unused_since: Some(Duration::from_secs(9)), file: "b.tar".to_owned(), ..used };
    let batch = Batch { images: vec![changed.clone()], images_gone: vec![unused.name], ..Batch::default() };
    fixture.store.commit(&batch).await.unwrap();
    assert_eq!(fixture.store.load().await.unwrap().images, [changed]);
}
