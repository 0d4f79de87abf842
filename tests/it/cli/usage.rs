//! What is said when there is no manager, or no sense in what was typed.

use super::{Orc, StandIn};

#[tokio::test]
async fn every_command_says_where_no_manager_answers_and_what_to_do() {
    let orc = Orc::alone();
    std::fs::write(orc.directory.path().join(".env"), "ORC_MANAGER_PORT=1\n").unwrap();
    for command in [
        &["ps"][..],
        &["nodes"],
        &["run", "nginx"],
        &["run", "nginx", "-d"],
        &["stop", "web"],
        &["logs", "web"],
        &["events"],
        &["events", "web"],
        &["inspect", "web"],
    ] {
        let ended = orc.run(command).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{command:?}");
        for words in
            ["http://localhost:1 ", "`orc` starts one", "--manager", "ORC_MANAGER_HOST", "ORC_MANAGER_PORT"]
        {
            assert!(ended.stderr.contains(words), "{command:?} says {}", ended.stderr);
        }
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
}

#[tokio::test]
async fn the_flag_wins_over_settings_that_make_no_sense() {
    let manager = StandIn::start().await;
    let orc = Orc::of(&manager);
    std::fs::write(orc.directory.path().join(".env"), "ORC_MANAGER_PORT=no\n").unwrap();
    assert_eq!(orc.run(&["ps"]).await.code, Some(0));

    let without = Orc { manager: None, ..orc };
    let ended = without.run(&["ps"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.starts_with("error: ORC_MANAGER_PORT"), "{}", ended.stderr);
}

#[tokio::test]
async fn what_makes_no_sense_ends_with_2_and_help_with_0() {
    let orc = Orc::alone();
    for command in [
        &["fly"][..],
        &["stop"],
        &["run"],
        &["run", "nginx", "-p", "http"],
        &["ps", "--state", "sleeping"],
        &["ps", "--manager", "ftp://localhost"],
        &["--workers", "2", "ps"],
        &["manager", "--docker-host", "tcp://x"],
    ] {
        let ended = orc.run(command).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{command:?}");
        assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    }
    for command in [&["--help"][..], &["run", "--help"], &["--version"]] {
        let ended = orc.run(command).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{command:?}");
        assert!(ended.stdout.contains("orc"), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn a_server_that_cannot_begin_says_why_and_ends_with_1() {
    let orc = Orc::alone();
    for command in [&["--manager-port", "many"][..], &["manager", "--data-dir", "/proc/nowhere"]] {
        let ended = orc.run(command).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{command:?}: {}", ended.stderr);
        let error = ended.stderr.lines().last().unwrap_or_default();
        assert!(error.starts_with("error: "), "{}", ended.stderr);
    }
}
