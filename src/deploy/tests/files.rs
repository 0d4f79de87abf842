//! Secrets and configs of a project, and how its services name them.

use super::*;
use crate::compose::resource::FileContent;

const SHOP: &str = "
services:
  web:
    image: nginx
    secrets: [db, {source: key, target: tls.key, uid: '33', mode: 0400}]
    configs: [{source: site, target: /etc/site.conf}]
secrets:
  db: {file: compose.yaml}
  key: {external: true, name: shared-key}
  spare: {file: compose.yaml}
configs:
  site: {content: 'listen 80;', labels: {team: blue}}
";

#[test]
fn services_name_files_as_they_are_called_in_the_cluster() {
    let stack = stack(SHOP);
    let task = serde_json::to_value(&stack.services[0].input.task).unwrap();
    expect![[r#"[{"Name":"shop_db","Target":"/run/secrets/db"},{"Mode":256,"Name":"shared-key","Target":"/run/secrets/tls.key","UID":33}]"#]]
        .assert_eq(&task["Secrets"].to_string());
    expect![[r#"[{"Name":"shop_site","Target":"/etc/site.conf"}]"#]].assert_eq(&task["Configs"].to_string());
    let files: Vec<String> = stack.files.iter().map(|file| file.key.to_string()).collect();
    assert_eq!(
        files,
        ["the secret shop_db", "the secret shared-key", "the config shop_site"],
        "none is to spare"
    );
    assert_eq!(stack.files[1].content, FileContent::External);
    let labels = &stack.files[2].labels;
    assert_eq!((labels["team"].as_str(), labels[PROJECT].as_str()), ("blue", "shop"));
}

#[test]
fn another_version_of_a_file_is_a_change_of_the_service_that_names_it() {
    let keys: Vec<_> = stack(SHOP).files.into_iter().map(|file| file.key).collect();
    let with = |version| stack(SHOP).with_versions(&keys.iter().map(|key| (key.clone(), version)).collect());
    let service = present(&with(1).services[0], &json!({}));
    let planned = |version| plan(&with(version), std::slice::from_ref(&service), false).unwrap();
    assert!(!planned(1).changes());
    let second = planned(2);
    let paths: Vec<&str> = second.services[0].fields.iter().map(|field| field.path.as_str()).collect();
    let of = |target: &str| format!("Task.Secrets[{target}].Version");
    assert_eq!(
        paths,
        [
            "Task.Configs[/etc/site.conf].Version".to_owned(),
            of("/run/secrets/db"),
            of("/run/secrets/tls.key")
        ]
    );
}

#[test]
fn an_owner_by_name_and_a_name_that_cannot_be_are_refused_where_they_are_written() {
    let owner = translation(&SHOP.replace("'33'", "root"));
    let [note] = &owner.notes[..] else { panic!("{:#?}", owner.notes) };
    assert!(note.to_string().contains("services.web.secrets[1] is refused: `uid` is a number"), "{note}");
    let name = translation(&SHOP.replace("shared-key", "'-'"));
    let [note] = &name.notes[..] else { panic!("{:#?}", name.notes) };
    assert!(note.to_string().contains("secrets.key is refused"), "{note}");
}
