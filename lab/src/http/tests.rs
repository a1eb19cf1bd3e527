use super::*;

#[test]
fn urls_name_an_address_a_port_and_a_path() {
    let told = |url| parse(url).map(|(address, path)| format!("{address} {path}")).ok();
    assert_eq!(told("http://10.0.0.1").as_deref(), Some("10.0.0.1:80 /"));
    assert_eq!(told("http://10.0.0.1:8080/a/b").as_deref(), Some("10.0.0.1:8080 /a/b"));
    assert_eq!(told("http://[fd00::1]/x").as_deref(), Some("[fd00::1]:80 /x"));
    assert_eq!(told("http://[fd00::1]:81/").as_deref(), Some("[fd00::1]:81 /"));
    for wrong in ["https://10.0.0.1/", "http://example.org/", "http://10.0.0.1:http/", ""] {
        assert_eq!(told(wrong), None, "{wrong}");
    }
}

#[test]
fn an_answer_is_split_into_status_and_body() {
    let answer = page("u", b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\nno\n").expect("it is whole");
    assert_eq!((answer.status, &*answer.body), (404, "no\n"));
    for wrong in ["", "HTTP/1.1 200 OK\r\n", "SSH-2.0 200\r\n\r\n", "HTTP/1.1 ok\r\n\r\n"] {
        assert!(page("u", wrong.as_bytes()).is_err(), "{wrong:?}");
    }
}

#[test]
fn an_answer_that_is_shorter_than_it_says_is_refused() {
    let cut = page("u", b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nnode");
    let said = cut.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(said.contains("4 of 7 bytes"), "{said}");
    assert!(page("u", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnode").is_ok());
}
