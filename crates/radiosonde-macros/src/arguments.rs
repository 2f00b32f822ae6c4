//! The arguments of `catalog!`: an optional path in brackets, and the name of a file.

use proc_macro::{Delimiter, Span, TokenStream, TokenTree};

/// What the macro was called with.
pub(crate) struct Arguments {
    /// Path of the crate or module that has `RegistrySource`.
    pub(crate) path: TokenStream,
    /// The registry file, as written.
    pub(crate) file: String,
    /// Where the file was written, for errors.
    pub(crate) span: Span,
}

impl Arguments {
    pub(crate) fn parse(input: TokenStream) -> Result<Self, (Span, String)> {
        let mut trees = input.into_iter().peekable();
        let path = match trees.peek() {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
                let path = group.stream();
                let _bracket = trees.next();
                path
            }
            _ => "::radiosonde".parse().unwrap_or_default(),
        };
        let Some(tree) = trees.next() else { return Err((Span::call_site(), usage())) };
        let span = tree.span();
        let file = text(tree).ok_or_else(|| (span, usage()))?;
        match trees.next() {
            None => Ok(Self { path, file, span }),
            Some(TokenTree::Punct(comma)) if comma.as_char() == ',' && trees.peek().is_none() => {
                Ok(Self { path, file, span })
            }
            Some(surplus) => Err((surplus.span(), usage())),
        }
    }
}

/// The text of a string literal, also one that came through a `macro_rules` macro.
fn text(tree: TokenTree) -> Option<String> {
    match tree {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            let mut inner = group.stream().into_iter();
            let only = inner.next()?;
            inner.next().is_none().then(|| text(only))?
        }
        TokenTree::Literal(literal) => unquoted(&literal.to_string()),
        _ => None,
    }
}

/// What a literal says: `"a/b.json"` or `r"a\b.json"`.
fn unquoted(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('r') {
        let inner = raw.trim_matches('#');
        return inner.strip_prefix('"')?.strip_suffix('"').map(str::to_owned);
    }
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(next) = chars.next() {
        match next {
            '\\' => match chars.next()? {
                plain @ ('\\' | '"' | '\'') => text.push(plain),
                _ => return None,
            },
            plain => text.push(plain),
        }
    }
    Some(text)
}

fn usage() -> String {
    "expected the name of a registry file, such as catalog!(\"registry.json\")".to_owned()
}

#[cfg(test)]
mod tests {
    use super::unquoted;

    #[test]
    fn literals() {
        let table = [
            (r#""registry.json""#, Some("registry.json")),
            (r#""""#, Some("")),
            (r#""a\\b \"c\"""#, Some(r#"a\b "c""#)),
            (r##"r"a\b""##, Some(r"a\b")),
            (r###"r#"a"b"#"###, Some("a\"b")),
            (r#""\u{41}""#, None),
            (r#"b"registry.json""#, None),
            ("7", None),
            ("'c'", None),
        ];
        for (literal, expected) in table {
            assert_eq!(unquoted(literal).as_deref(), expected, "{literal}");
        }
    }
}
