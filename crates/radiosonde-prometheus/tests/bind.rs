//! Ports: taken, wrong, unusable; and the target file.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::error::Error as _;
use std::net::{Ipv4Addr, TcpListener};

use radiosonde_prometheus::{BindError, bind, targets_json};

#[test]
fn a_taken_port_moves_to_a_free_one_on_the_same_host() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let bound = bind(&addr.to_string()).unwrap();
    assert_eq!(bound.moved_from, Some(addr));
    assert_eq!(bound.addr.ip(), Ipv4Addr::LOCALHOST);
    assert_ne!(bound.addr.port(), addr.port());
    assert_ne!(bound.addr.port(), 0);
    assert_eq!(bound.listener.local_addr().unwrap(), bound.addr);
}

#[test]
fn a_free_port_is_taken_as_asked() {
    let bound = bind("127.0.0.1:0").unwrap();
    assert_eq!(bound.moved_from, None);
    assert_ne!(bound.addr.port(), 0);
}

#[test]
fn unusable_addresses_are_typed_errors_that_say_what_to_do() {
    for text in ["", "nonsense", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:http:x"] {
        let error = bind(text).unwrap_err();
        assert!(matches!(error, BindError::Address { .. }), "{text}: {error:?}");
        let said = error.to_string();
        assert!(
            said.starts_with(&format!("`{text}` is no listen address; write host:port")),
            "{said}"
        );
        assert!(error.source().is_some());
    }
    // Reserved for documentation: an address of no machine.
    let error = bind("192.0.2.1:9464").unwrap_err();
    assert!(matches!(error, BindError::Listen { .. }), "{error:?}");
    assert!(error.to_string().starts_with("cannot listen on 192.0.2.1:9464; use "));
}

#[test]
fn the_target_file_is_json_whatever_the_labels() {
    let addr = "127.0.0.1:9464".parse().unwrap();
    assert_eq!(
        targets_json(addr, &[("service", "x"), ("a b", "q\"\\\n🎈")]),
        "[{\"targets\":[\"127.0.0.1:9464\"],\
         \"labels\":{\"service\":\"x\",\"a_b\":\"q\\\"\\\\\\u000a🎈\"}}]\n"
    );
    let v6 = targets_json("[::1]:1".parse().unwrap(), &[]);
    assert_eq!(v6, "[{\"targets\":[\"[::1]:1\"],\"labels\":{}}]\n");
}
