//! Mistakes in `event!` do not compile, and say what to write. In a program of its own: the tests
//! start compilers, and a child between fork and exec holds the file locks of tests beside it.

#[test]
fn mistakes_in_event_do_not_compile_and_say_why() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
