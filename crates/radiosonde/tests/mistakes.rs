//! Mistakes in `init!` do not compile, and say what to write.

#[test]
fn mistakes_in_init_do_not_compile_and_say_why() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
