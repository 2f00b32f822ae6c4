//! The procedural macro behind radiosonde's `catalog!`: typed handles out of `registry.json`.
//!
//! Users call `radiosonde::catalog!("registry.json")`. The registry is read and checked while the
//! program is compiled; what comes out is a module with the registry itself, a documented function
//! and a constant for each metric, and a type for each label, so that a misspelt metric, a label
//! that is missing or belongs elsewhere, and a value that is not listed do not compile:
//!
//! ```text
//! pub mod catalog {
//!     pub const REGISTRY: ::radiosonde::RegistrySource = …;
//!     /// How a run ended.
//!     pub enum Outcome { Success, Failure }
//!     pub struct Provider { … }
//!     /// The name of `runs_total()`: Runs started.
//!     pub const RUNS_TOTAL: &str = "runs_total";
//!     /// Runs started.
//!     ///
//!     /// `runs_total`: counter in runs; owned by platform.
//!     pub fn runs_total(provider: &(impl LabelValue<Provider> + ?Sized), outcome: Outcome) -> Counter;
//! }
//! ```
//!
//! What the handles do is described in `radiosonde::typed`.
//!
//! # For other macros
//!
//! `catalog!([path] "registry.json")` is what `radiosonde::catalog!` and `radiosonde_metrics::catalog!`
//! call: in brackets stands the path of whatever has `RegistrySource` and `typed`; the default is
//! `::radiosonde`. A crate that re-exports radiosonde hands on its own.
//!
//! # Names
//!
//! | in the registry | in Rust |
//! |---|---|
//! | metric `runs_total` | function `runs_total`, constant `RUNS_TOTAL` |
//! | metric `type`, `self` | function `r#type`, `self_`; so are parameters |
//! | metric `DAU` | function `dau`, as the constant is `DAU` |
//! | label `http_status` | type `HttpStatus`, parameter `http_status` |
//! | value `timed-out` | variant `TimedOut`: words begin with a capital, the rest stays as it is |
//! | value `429`, `1.5` | variant `_429`, `_1_5` |
//! | value `_OTHER`, `deepseek/x` | variant `OTHER`, `DeepseekX` |
//! | value `größe`, `-` | variant `GrU00F6U00DFE`, `U002D`: by the characters' numbers |
//! | value `self`, `ALL` | variant `Self_`, `ALL_` |
//!
//! # Failure
//!
//! A registry with findings does not compile; one error lists them all, each with file, line,
//! column, path and what to do. Two things that would have one name are such a finding, so what
//! passes `radiosonde ops check` compiles. The names are made by `radiosonde_registry::code`.
#![forbid(unsafe_code)]

mod arguments;
mod generate;

use std::path::Path;

use proc_macro::{Group, Ident, Span, TokenStream, TokenTree};

use crate::arguments::Arguments;

/// Makes `mod catalog` out of a registry file, named from the folder of the caller's `Cargo.toml`.
///
/// `catalog!("registry.json")`, or `catalog!([path::of::radiosonde] "registry.json")` for a crate
/// that re-exports radiosonde. A function and a constant for every metric whose source is `app` or
/// `batch`, a type for every label of theirs; `REGISTRY` is what `init!(registry = …)` takes.
///
/// # Errors
/// Does not compile when the file is missing or has findings; two names in it that would be the same
/// in Rust are one.
#[proc_macro]
pub fn catalog(input: TokenStream) -> TokenStream {
    let arguments = match Arguments::parse(input) {
        Ok(arguments) => arguments,
        Err((span, message)) => return compile_error(&message, span),
    };
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let code = match generate::catalog(Path::new(&folder), &arguments.file) {
        Ok(code) => code,
        // No module: where one is missing, the compiler says nothing about what was to be in it.
        Err(message) => return compile_error(&message, arguments.span),
    };
    match (code.module.parse(), code.content.parse()) {
        (Ok(module), Ok(content)) => completed(module, &arguments.path, &content),
        (Err(error), _) | (_, Err(error)) => {
            compile_error(&format!("catalog! wrote bad code: {error}"), arguments.span)
        }
    }
}

/// Puts the path to radiosonde where the module has [`generate::PATH`], and the content where it has
/// [`generate::CONTENT`]. Tokens, not text: `$crate` loses its meaning in a text. The content is not
/// looked at: token by token, that takes longer than to compile it.
fn completed(module: TokenStream, path: &TokenStream, content: &TokenStream) -> TokenStream {
    let mut output = TokenStream::new();
    for tree in module {
        match tree {
            TokenTree::Ident(ident) => match ident.to_string().as_str() {
                generate::PATH => output.extend(path.clone()),
                generate::CONTENT => output.extend(content.clone()),
                _ => output.extend([TokenTree::Ident(ident)]),
            },
            TokenTree::Group(group) => {
                let inner = completed(group.stream(), path, content);
                let mut inner = Group::new(group.delimiter(), inner);
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
