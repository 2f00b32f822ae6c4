//! The procedural macro behind radiosonde's `catalog!`: names of metrics out of `registry.json`.
//!
//! Users call `radiosonde::catalog!("registry.json")`. The registry is read and checked while the
//! program is compiled; what comes out is a module with the registry itself and one documented
//! constant a metric, so that a misspelt metric does not compile:
//!
//! ```text
//! pub mod catalog {
//!     pub const REGISTRY: ::radiosonde::RegistrySource = …;
//!     /// Runs started.
//!     ///
//!     /// `runs_total`: counter in runs, by `outcome`.
//!     pub const RUNS_TOTAL: &str = "runs_total";
//! }
//! ```
//!
//! # Example
//!
//! In brackets stands the path of whatever has a `RegistrySource`; the default is `::radiosonde`.
//!
//! ```
//! radiosonde_macros::catalog!([::radiosonde_registry] "tests/registry.json");
//!
//! fn main() {
//!     assert_eq!(catalog::RUNS_TOTAL, "runs_total");
//!     let registry = catalog::REGISTRY.load().expect("checked by the compiler");
//!     assert!(registry.metric(catalog::RUNS_TOTAL).is_some());
//! }
//! ```
//!
//! # Failure
//!
//! A registry with findings does not compile; one error lists them all, each with file, line,
//! column, path and what to do:
//!
//! ```compile_fail
//! radiosonde_macros::catalog!([::radiosonde_registry] "tests/broken.json");
//! ```
#![forbid(unsafe_code)]

mod arguments;
mod generate;

use std::path::Path;

use proc_macro::{Group, Ident, Span, TokenStream, TokenTree};

use crate::arguments::Arguments;

/// Makes `mod catalog` out of a registry file, named from the folder of the caller's `Cargo.toml`.
///
/// `catalog!("registry.json")`, or `catalog!([path::of::radiosonde] "registry.json")` for a crate
/// that re-exports radiosonde. One constant for every metric whose source is `app` or `batch`, its
/// name in capitals; `REGISTRY` is what `init!(registry = …)` takes.
///
/// # Errors
/// Does not compile when the file is missing or has findings, and when two metrics would get the
/// same constant.
#[proc_macro]
pub fn catalog(input: TokenStream) -> TokenStream {
    let arguments = match Arguments::parse(input) {
        Ok(arguments) => arguments,
        Err((span, message)) => return compile_error(&message, span),
    };
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let (code, error) = match generate::catalog(Path::new(&folder), &arguments.file) {
        Ok(code) => (code, None),
        // The module is there all the same: the only error is then the one that matters.
        Err(message) => (generate::stand_in(&arguments.file), Some(message)),
    };
    let mut output = match code.parse::<TokenStream>() {
        Ok(code) => with_path(code, &arguments.path),
        Err(error) => compile_error(&format!("catalog! wrote bad code: {error}"), arguments.span),
    };
    if let Some(message) = error {
        output.extend(compile_error(&message, arguments.span));
    }
    output
}

/// Puts the path to radiosonde where the generated code has [`generate::PATH`]. Tokens, not text:
/// `$crate` loses its meaning in a text.
fn with_path(code: TokenStream, path: &TokenStream) -> TokenStream {
    let mut output = TokenStream::new();
    for tree in code {
        match tree {
            TokenTree::Ident(ident) if ident.to_string() == generate::PATH => {
                output.extend(path.clone());
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), with_path(group.stream(), path));
                inner.set_span(group.span());
                output.extend([TokenTree::Group(inner)]);
            }
            other => output.extend([other]),
        }
    }
    output
}

/// An error that points at the argument of the macro.
fn compile_error(message: &str, span: Span) -> TokenStream {
    let code = format!("::core::compile_error!({message:?});");
    let stream = code.parse::<TokenStream>().unwrap_or_default();
    stream.into_iter().map(|tree| spanned(tree, span)).collect()
}

fn spanned(tree: TokenTree, span: Span) -> TokenTree {
    match tree {
        TokenTree::Ident(ident) => Ident::new(&ident.to_string(), span).into(),
        mut other => {
            other.set_span(span);
            other
        }
    }
}
