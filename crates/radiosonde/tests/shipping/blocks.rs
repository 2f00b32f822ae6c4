//! Reads the syntax of Alloy's configuration, as far as the example uses it: blocks with a name, a
//! label and a body; attributes with a text, a name, a list or an object.

/// `name "label" { body }`
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) name: String,
    pub(crate) label: Option<String>,
    blocks: Vec<Block>,
    values: Vec<(String, Value)>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    /// A word that is no text: `true`, or what another component exports.
    Name(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Block {
    pub(crate) fn block(&self, name: &str) -> &Block {
        let found = self.blocks.iter().find(|block| block.name == name);
        found.unwrap_or_else(|| panic!("no block {name} in {}", self.name))
    }

    pub(crate) fn value(&self, key: &str) -> &Value {
        let found = self.values.iter().find(|(name, _)| name == key);
        &found.unwrap_or_else(|| panic!("no {key} in {}", self.name)).1
    }
}

impl Value {
    pub(crate) fn text(&self) -> &str {
        let Self::Text(text) = self else { panic!("no text: {self:?}") };
        text
    }

    pub(crate) fn items(&self) -> &[Value] {
        let Self::List(items) = self else { panic!("no list: {self:?}") };
        items
    }

    pub(crate) fn entries(&self) -> &[(String, Value)] {
        let Self::Object(entries) = self else { panic!("no object: {self:?}") };
        entries
    }

    pub(crate) fn entry(&self, key: &str) -> &Value {
        let found = self.entries().iter().find(|(name, _)| name == key);
        &found.unwrap_or_else(|| panic!("no {key} in {self:?}")).1
    }

    /// The names in a list, or the one that it is.
    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Self::Name(name) => vec![name],
            Self::List(items) => items.iter().flat_map(Value::names).collect(),
            other => panic!("no name: {other:?}"),
        }
    }
}

/// Reads a whole file; a mistake ends the test.
pub(crate) fn parse(text: &str) -> Vec<Block> {
    let mut reader = Reader { tokens: tokens(text), at: 0 };
    let mut blocks = Vec::new();
    while reader.at < reader.tokens.len() {
        let name = reader.word();
        blocks.push(reader.block(name));
    }
    blocks
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text(String),
    Word(String),
    Sign(char),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for line in text.lines() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '/' => {
                    assert!(rest.starts_with("//"), "{line}");
                    break;
                }
                '"' => {
                    let end = rest[1..].find('"').unwrap_or_else(|| panic!("open text: {line}"));
                    tokens.push(Token::Text(rest[1..=end].to_owned()));
                    end + 2
                }
                '{' | '}' | '[' | ']' | ',' | '=' => {
                    tokens.push(Token::Sign(first));
                    1
                }
                _ => {
                    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
                    let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                    assert!(end > 0, "{first:?} in {line}");
                    tokens.push(Token::Word(rest[..end].to_owned()));
                    end
                }
            };
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn next(&mut self) -> Token {
        self.at += 1;
        self.tokens.get(self.at - 1).unwrap_or_else(|| panic!("ends too early")).clone()
    }

    fn takes(&mut self, sign: char) -> bool {
        let is_there = self.tokens.get(self.at) == Some(&Token::Sign(sign));
        self.at += usize::from(is_there);
        is_there
    }

    fn word(&mut self) -> String {
        match self.next() {
            Token::Word(word) => word,
            other => panic!("{other:?} where a word belongs"),
        }
    }

    /// The block of this name, from behind it.
    fn block(&mut self, name: String) -> Block {
        let mut block = Block { name, label: None, blocks: Vec::new(), values: Vec::new() };
        if !self.takes('{') {
            let Token::Text(label) = self.next() else { panic!("{}: no label", block.name) };
            block.label = Some(label);
            assert!(self.takes('{'), "{}: no body", block.name);
        }
        while !self.takes('}') {
            let name = self.word();
            if self.takes('=') {
                let value = self.value();
                block.values.push((name, value));
            } else {
                let inner = self.block(name);
                block.blocks.push(inner);
            }
        }
        block
    }

    fn value(&mut self) -> Value {
        match self.next() {
            Token::Text(text) => Value::Text(text),
            Token::Word(word) => Value::Name(word),
            Token::Sign('[') => Value::List(self.separated(']', Self::value)),
            Token::Sign('{') => Value::Object(self.separated('}', |reader| {
                let key = match reader.next() {
                    Token::Text(key) | Token::Word(key) => key,
                    other => panic!("{other:?} where a key belongs"),
                };
                assert!(reader.takes('='), "{key}: no value");
                (key, reader.value())
            })),
            other => panic!("{other:?} where a value belongs"),
        }
    }

    /// Items with commas between them, and perhaps one behind the last.
    fn separated<T>(&mut self, end: char, item: impl Fn(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        while !self.takes(end) {
            items.push(item(self));
            if !self.takes(',') {
                assert!(self.takes(end), "no comma and no {end}");
                break;
            }
        }
        items
    }
}
