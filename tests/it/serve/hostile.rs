//! Requests that no honest client sends: each is refused in a sentence, and nothing happens.

use orc::serve::Limits;

use super::site::Site;

const ID: &str = "bb1d59ef-9fc1-4e4b-a44d-db571eeed203";
const JSON: &str = "content-type: application/json\r\n";
const CHUNKED: &str = "content-type: application/json\r\ntransfer-encoding: chunked\r\n";

/// Request line, further headers, status, and a part of the sentence.
type Case<'a> = (&'a str, &'a str, u16, &'a str);

/// A request without a body, from a client that is correct in all else.
fn request(line: &str, headers: &str) -> String {
    format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n")
}

/// Sends each, and sees that it is refused as it should be and has no effect.
async fn check(cases: &[Case<'_>]) {
    let site = Site::start(Limits::default());
    for (line, headers, status, sentence) in cases {
        let answer = site.send(request(line, headers)).await;
        assert_eq!(answer.status, *status, "{line}: {answer:?}");
        assert!(answer.message().contains(sentence), "{line}: {answer:?}");
        assert_eq!(answer.head.contains("\r\nallow: "), *status == 405, "{line}: {answer:?}");
    }
    assert_eq!(site.effects(), 0);
}

#[tokio::test]
async fn what_is_right_is_served() {
    let site = Site::start(Limits::default());
    let answer = site.post(br#"{"Name": "a", "Env": ["A=1"]}"#).await;
    assert_eq!((answer.status, site.effects()), (201, 1), "{answer:?}");
    assert!(answer.head.contains("cache-control: no-store\r\nx-content-type-options: nosniff"), "{answer:?}");
    assert!(answer.body.starts_with(r#"{"Name":"a","Memory":0"#), "{answer:?}");
    for (line, headers, status) in [
        ("GET /things", "", 200),
        ("GET /things/", "", 200),
        ("GET /things/?limit=3", "", 200),
        ("HEAD /things", "", 200),
        ("GET http://localhost/things", "", 200),
        ("GET /things", "origin: http://localhost\r\nsec-fetch-site: same-origin\r\n", 200),
        (&format!("DELETE /things/{ID}"), "content-type: application/x-www-form-urlencoded\r\n", 204),
        (&format!("DELETE /things/{}/", ID.replace('-', "")), "", 204),
    ] {
        let answer = site.send(request(line, headers)).await;
        assert_eq!(answer.status, status, "{line}: {answer:?}");
    }
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let site = Site::start(Limits::default());
    let first = "GET /things HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let answer = site.send(format!("{first}{}", request("GET /things?limit=7", ""))).await;
    assert!(answer.body.starts_with("[0]HTTP/1.1 200 OK") && answer.body.ends_with("[7]"), "{answer:?}");
}

#[tokio::test]
async fn hostile_bodies_are_refused() {
    let site = Site::start(Limits::default());
    let large = format!(r#"{{"Name": "{}"}}"#, "x".repeat(3_000_000));
    let crowded = format!(r#"{{"Name": "a", "Env": [{}1]}}"#, r#""A","#.repeat(200_000));
    let deep = "[".repeat(200_000);
    for (body, status, sentence) in [
        (&b""[..], 400, "The body is empty, where JSON belongs"),
        (b"{", 400, "The body is not valid JSON: EOF while parsing an object (line 1, column 1)"),
        (b"\xff\xfe", 400, "The body is not UTF-8, as JSON must be: the byte 0xff begins no character"),
        (deep.as_bytes(), 400, "The body is nested deeper than 32 levels (line 1, column 33)"),
        (br#"{"Name": "a", "Name": "b"}"#, 400, "Name appears twice (line 1, column 10)"),
        (br#"{"Name": "a", "CPU": NaN}"#, 400, "not valid JSON: expected value (line 1, column 22)"),
        (br#"{"Name": "a", "CPU": 1e999}"#, 400, "not valid JSON: number out of range (line 1, column 26)"),
        (br#"{"nmae": "a"}"#, 400, "nmae is no known field; Name is (line 1, column 10)"),
        (br#"{"name": "a"}"#, 400, "name is no known field; Name is (line 1, column 10)"),
        (br#"{"Name": "a", "Memory": "1"}"#, 400, "Memory is the string \"1\", where an integer"),
        (br#"{"Name": "a", "Port": -80}"#, 400, "Port is the integer -80, where an integer from 0 to 65535"),
        (br#"{"Name": null}"#, 400, "Name is null, where a string belongs (line 1, column 10)"),
        (br#"["a"]"#, 400, "The body is an array, where an object belongs (line 1, column 1)"),
        (b"{} trailing", 400, "The body is not valid JSON: trailing characters (line 1, column 4)"),
        (b"{\"Name\": \"a\0\"}", 400, "control character (\\u0000-\\u001F) found while parsing a string"),
        (b"{\"Name\": \"a\r\nb\"}", 400, "control character (\\u0000-\\u001F) found while parsing a string"),
        (crowded.as_bytes(), 400, "Env[200000] is the integer 1, where a string belongs"),
        (large.as_bytes(), 413, "The body is larger than 1048576 bytes, which is the most"),
    ] {
        let answer = site.post(body).await;
        assert_eq!(answer.status, status, "{sentence}: {answer:?}");
        assert!(answer.message().contains(sentence), "{sentence}: {answer:?}");
    }
    assert_eq!(site.effects(), 0);
}

#[tokio::test]
async fn bodies_of_another_kind_are_refused_with_the_remedy() {
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let remedy = "with curl, add -H 'Content-Type: application/json'";
    check(&[
        ("POST /things", "content-length: 2\r\n", 415, remedy),
        ("POST /things", form, 415, remedy),
        (
            "POST /things",
            "content-type: text/plain\r\n",
            415,
            "of type \"text/plain\", where application/json",
        ),
        ("POST /things", "content-type: application/jsonp\r\n", 415, "of type \"application/jsonp\", where"),
        (
            "POST /things",
            &format!("{JSON}content-encoding: gzip\r\n"),
            415,
            "encoded as \"gzip\"; send it as it is",
        ),
        ("POST /things", &format!("{JSON}content-length: 99999999999\r\n"), 413, "larger than 1048576 bytes"),
    ])
    .await;
}

#[tokio::test]
async fn bad_paths_and_methods_are_refused_with_what_there_is() {
    let routes = "; there are POST /things, GET /things, DELETE /things/{id}";
    check(&[
        ("DELETE /things/7", "", 400, "In the path, \"7\" is not a UUID, such as \"bb1d59ef-9fc1-4e4b-a44d-"),
        ("DELETE /things/..%2f..%2fetc", "", 400, "In the path, \"../../etc\" is not a UUID, such as"),
        ("DELETE /things/%00", "", 400, "In the path, \"\\0\" is not a UUID, such as"),
        ("DELETE /things/a%0d%0ab", "", 400, "In the path, \"a\\r\\nb\" is not a UUID, such as"),
        ("DELETE /things/%ff", "", 400, "Invalid URL: Invalid UTF-8 in `id`"),
        ("DELETE /things/../things", "", 404, routes),
        ("GET /nothing", "", 404, "There is nothing at /nothing; there are POST /things, "),
        ("GET /", "", 404, routes),
        ("OPTIONS *", "", 404, routes),
        ("CONNECT localhost:1", "", 404, routes),
        ("GET /things?limit=-1", "", 400, "query string: limit: invalid digit found in string"),
        ("GET /things?limt=1", "", 400, "query string: limt: unknown field `limt`, expected `limit`"),
        ("PUT /things", JSON, 405, "PUT is not for /things; POST, GET, HEAD are"),
        ("GET /things/7", "", 405, "GET is not for /things/7; DELETE is"),
        ("TRACE /things", "", 405, "TRACE is not for /things; POST, GET, HEAD are"),
    ])
    .await;
}

#[tokio::test]
async fn web_pages_are_refused() {
    let page = "none may use this API; a program such as curl may";
    check(&[
        ("GET http://evil.example/things", "", 403, "This server is not \"evil.example\": it is localhost, "),
        ("GET /things", "origin: https://evil.example\r\n", 403, page),
        ("GET /things", "origin: null\r\n", 403, page),
        ("POST /things", "origin: https://evil.example\r\ncontent-type: text/plain\r\n", 403, page),
        ("OPTIONS /things", "origin: https://evil.example\r\n", 403, page),
        ("GET /things", "sec-fetch-site: cross-site\r\n", 403, page),
        ("GET /things", "host: localhost\r\n", 400, "One header Host belongs in each request"),
    ])
    .await;
    let site = Site::start(Limits::default());
    let rebound = site.send("GET /things HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n").await;
    assert_eq!(rebound.status, 403, "{rebound:?}");
    assert!(!rebound.head.contains("access-control"), "no page is invited: {rebound:?}");
}

/// What hyper refuses before there is a request: its status says it all.
#[tokio::test]
async fn heads_that_cannot_be_read_are_refused() {
    let site = Site::start(Limits::default());
    for (name, bytes, status) in [
        ("600 KB in one header", request("GET /things", &format!("a: {}\r\n", "x".repeat(600_000))), 431),
        ("17 KB in one header", request("GET /things", &format!("a: {}\r\n", "x".repeat(17_000))), 431),
        ("101 headers", request("GET /things", &"a: b\r\n".repeat(99)), 431),
        ("a target of 70 KB", request(&format!("GET /{}", "x".repeat(70_000)), ""), 431),
        // The chunks count then, whatever the length says (RFC 9112, 6.3), and these five bytes are none.
        (
            "both kinds of length",
            request("POST /things", &format!("{CHUNKED}content-length: 5\r\n")) + "hello",
            400,
        ),
        ("two lengths", request("POST /things", "content-length: 5\r\ncontent-length: 6\r\n"), 400),
        ("a negative length", request("POST /things", "content-length: -1\r\n"), 400),
        ("a line break in a header", request("GET /things", "a: b\rc: d\r\n"), 400),
        ("a NUL in a header", request("GET /things", "a: b\0\r\n"), 400),
        ("a space in a name", request("GET /things", "a b: c\r\n"), 400),
        ("a NUL in the target", request("GET /thi\0ngs", ""), 400),
        ("another protocol", "HELO localhost\r\n\r\n".to_owned(), 400),
        ("no host", "GET /things HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(), 400),
        ("a bad chunk", format!("{}zz\r\n", request("POST /things", CHUNKED)), 400),
    ] {
        let answer = site.send(bytes).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
    }
    let full = request("GET /things", &"a: b\r\n".repeat(98));
    assert_eq!(site.send(full).await.status, 200, "a hundred headers are fine");
    assert_eq!(site.effects(), 0);
}

#[tokio::test]
async fn a_body_that_grows_too_large_without_saying_so_is_cut_off() {
    let site = Site::start(Limits::default());
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(65_536));
    let answer = site.send(format!("{}{}", request("POST /things", CHUNKED), chunk.repeat(40))).await;
    assert_eq!((answer.status, site.effects()), (413, 0), "{answer:?}");
}

#[tokio::test]
async fn options_says_which_methods_there_are() {
    let site = Site::start(Limits::default());
    let answer = site.send(request("OPTIONS /things", "")).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert!(answer.head.contains("allow: post,get,head"), "{answer:?}");
}

#[tokio::test]
async fn a_panic_is_told_to_the_log_and_not_to_the_client() {
    let site = Site::start(Limits::default());
    let answer = site.send(request("POST /panic", "")).await;
    assert_eq!(answer.status, 500);
    assert!(answer.message().contains("bug in orc") && !answer.body.contains("secret"), "{answer:?}");
    assert_eq!(site.send(request("GET /things", "")).await.status, 200, "the server lives on");
}
