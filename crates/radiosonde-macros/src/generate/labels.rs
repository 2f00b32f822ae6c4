//! The types of labels.

use std::fmt::Write as _;

use radiosonde_registry::{LabelSpec, Registry, code as names};

use super::{TYPED, docs};

/// The type of a label: an enum when its values are listed, otherwise a type of symbols.
pub(super) fn label(code: &mut String, registry: &Registry, name: &str, spec: &LabelSpec) {
    let docs = docs::label(name, spec);
    let _written = writeln!(code, "#[doc = {docs:?}]");
    match &spec.values {
        Some(values) => enumeration(code, name, values),
        None => symbols(code, registry, name, spec),
    }
}

fn enumeration(code: &mut String, name: &str, values: &[String]) {
    let own = names::label_type(name);
    let mut variants = String::new();
    let mut all = String::new();
    for value in values {
        let variant = names::variant(value);
        let docs = format!("{}.", docs::code(value));
        let _written = writeln!(variants, "#[doc = {docs:?}] {variant},");
        let _written = write!(all, "Self::{variant}, ");
    }
    let _written = writeln!(
        code,
        "#[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug, \
         ::core::cmp::PartialEq, ::core::cmp::Eq, ::core::cmp::PartialOrd, ::core::cmp::Ord, \
         ::core::hash::Hash)]\n\
         pub enum {own} {{\n{variants}}}\n\
         impl {own} {{\n\
         /// Every value, in the order of the registry.\n\
         pub const ALL: [Self; {}] = [{all}];\n\
         /// The value as it is written.\n\
         pub const fn as_str(self) -> &'static str {{\n\
         <Self as {TYPED}::Enumerated>::VALUES[self as usize]\n}}\n}}\n\
         impl {TYPED}::Enumerated for {own} {{\n\
         const LABEL: &'static str = {name:?};\n\
         const VALUES: &'static [&'static str] = &{values:?};\n\
         fn index(self) -> usize {{ self as usize }}\n}}\n\
         impl ::core::fmt::Display for {own} {{\n\
         fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{\n\
         f.pad(self.as_str())\n}}\n}}\n\
         impl ::core::str::FromStr for {own} {{\n\
         type Err = {TYPED}::UnknownValue;\n\
         fn from_str(text: &str) -> ::core::result::Result<Self, {TYPED}::UnknownValue> {{\n\
         {TYPED}::parse(&Self::ALL, text)\n}}\n}}",
        values.len()
    );
}

fn symbols(code: &mut String, registry: &Registry, name: &str, spec: &LabelSpec) {
    let own = names::label_type(name);
    let shared_max = spec.max_values.unwrap_or_else(|| registry.series_limit(None));
    let pattern = match &spec.pattern {
        Some(pattern) => format!("::core::option::Option::Some({pattern:?})"),
        None => "::core::option::Option::None".to_owned(),
    };
    let _written = writeln!(
        code,
        "#[derive(::core::clone::Clone, ::core::cmp::PartialEq, ::core::cmp::Eq, \
         ::core::cmp::PartialOrd, ::core::cmp::Ord, ::core::hash::Hash)]\n\
         pub struct {own} {{ symbol: {TYPED}::Symbol }}\n\
         impl {own} {{\n\
         /// Resolves a value, once for all writes with it. Writes with one that is not fit are\n\
         /// refused and counted; see `check`.\n\
         pub fn new(value: &str) -> Self {{\n\
         Self {{ symbol: <Self as {TYPED}::FreeLabel>::label().symbol(value) }}\n}}\n\
         /// Whether writes with that value are taken while there is room for it.\n\
         ///\n\
         /// # Errors\n\
         /// Why not: it is too long, shaped like an id, or off the pattern of the label.\n\
         pub fn check(value: &str) -> ::core::result::Result<(), {TYPED}::UnfitValue> {{\n\
         <Self as {TYPED}::FreeLabel>::label().check(value)\n}}\n\
         /// The value as it is written.\n\
         pub fn as_str(&self) -> &str {{ self.symbol.as_str() }}\n}}\n\
         impl {TYPED}::FreeLabel for {own} {{\n\
         fn label() -> &'static {TYPED}::Label {{\n\
         static LABEL: {TYPED}::Label = {TYPED}::Label::new({name:?}, {pattern}, {shared_max});\n\
         &LABEL\n}}\n}}\n\
         impl {TYPED}::LabelValue<{own}> for {own} {{\n\
         fn part(&self) -> {TYPED}::Part<'_> {{ {TYPED}::Part::symbol(&self.symbol) }}\n}}\n\
         impl ::core::fmt::Debug for {own} {{\n\
         fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{\n\
         f.debug_tuple({own:?}).field(&self.symbol).finish()\n}}\n}}\n\
         impl ::core::fmt::Display for {own} {{\n\
         fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{\n\
         f.pad(self.as_str())\n}}\n}}"
    );
}
