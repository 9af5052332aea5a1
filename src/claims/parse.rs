//! The syntax of a text leaf: literal text and `${source | filter | filter(args)}`.
//!
//! Nothing is looked up here: whether a source or a filter exists is for others to say.

use crate::variable;

/// A piece of a text leaf.
#[derive(Debug, PartialEq)]
pub(super) enum Part<'t> {
    /// Text as it is.
    Literal(&'t str),
    /// An expression over request-time or load-time sources.
    Expression(Raw<'t>),
    /// `${env.NAME}` or `${env.NAME:-fallback}`.
    Env { written: &'t str, name: &'t str, fallback: Option<&'t str> },
}

/// An expression as it was written.
#[derive(Debug, PartialEq)]
pub(super) struct Raw<'t> {
    /// All of it, from `${` to `}`.
    pub written: &'t str,
    /// Such as `session.account_id`.
    pub source: &'t str,
    /// In order.
    pub filters: Vec<RawFilter<'t>>,
}

/// A filter as it was written.
#[derive(Debug, PartialEq)]
pub(super) struct RawFilter<'t> {
    /// Its name.
    pub name: &'t str,
    /// What stands in its parentheses.
    pub args: Vec<Arg<'t>>,
}

/// An argument.
#[derive(Debug, PartialEq)]
pub(super) struct Arg<'t> {
    /// What stands before `=`, in `map` alone.
    pub key: Option<Word<'t>>,
    /// The argument itself.
    pub text: &'t str,
}

/// A word, and whether it stood in quotes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Word<'t> {
    pub text: &'t str,
    pub quoted: bool,
}

/// What is wrong, and with which expression.
#[derive(Debug, PartialEq)]
pub(super) struct Complaint {
    /// The beginning of the expression.
    pub written: String,
    /// What is wrong with it.
    pub message: String,
}

/// Splits a text leaf into its parts.
pub(super) fn parts(text: &str) -> Result<Vec<Part<'_>>, Complaint> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let from = rest.strip_prefix(before).unwrap_or(rest);
        if let Some(plain) = before.strip_suffix('$') {
            parts.extend([Part::Literal(plain), Part::Literal("${")]);
            rest = after;
            continue;
        }
        parts.push(Part::Literal(before));
        let mut cursor = Cursor { from, rest: after };
        parts.push(cursor.expression().map_err(|message| complaint(from, message))?);
        rest = cursor.rest;
    }
    parts.push(Part::Literal(rest));
    parts.retain(|part| *part != Part::Literal(""));
    Ok(parts)
}

/// Whether any of it stands for something of an integration's. What is no text leaf is not.
pub(super) fn is_of_integration(text: &str) -> bool {
    let parts = parts(text).unwrap_or_default();
    parts.iter().any(|part| matches!(part, Part::Expression(raw) if raw.source.starts_with("integration.")))
}

fn complaint(from: &str, message: String) -> Complaint {
    let expression = from.split_inclusive('}').next().unwrap_or(from);
    let line = expression.lines().next().unwrap_or(expression);
    let written = match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(line)),
        None => line.to_owned(),
    };
    Complaint { written, message }
}

struct Cursor<'t> {
    from: &'t str,
    rest: &'t str,
}

impl<'t> Cursor<'t> {
    fn expression(&mut self) -> Result<Part<'t>, String> {
        self.blanks();
        if let Some(rest) = self.rest.strip_prefix("env.") {
            self.rest = rest;
            return self.env();
        }
        let source = self.take_while(|c| !c.is_whitespace() && !matches!(c, '|' | '}'));
        self.blanks();
        if source.is_empty() && !self.rest.is_empty() {
            return Err("it names no source; write ${session.NAME}".to_owned());
        }
        let mut filters = Vec::new();
        while self.eat('|') {
            filters.push(self.filter()?);
        }
        self.end()?;
        Ok(Part::Expression(Raw { written: self.written(), source, filters }))
    }

    fn env(&mut self) -> Result<Part<'t>, String> {
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        let mut fallback = None;
        if let Some(rest) = self.rest.strip_prefix(":-") {
            self.rest = rest;
            fallback = Some(self.take_until(&['}']));
        }
        self.blanks();
        if self.rest.starts_with('|') {
            return Err("${env.…} takes no filters".to_owned());
        }
        self.end()?;
        if !variable::is_name(name) {
            return Err(
                "it names no environment variable: letters, digits and `_`, no digit first".to_owned()
            );
        }
        Ok(Part::Env { written: self.written(), name, fallback })
    }

    fn filter(&mut self) -> Result<RawFilter<'t>, String> {
        self.blanks();
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if name.is_empty() && !self.rest.is_empty() {
            return Err("the name of a filter is missing after `|`".to_owned());
        }
        self.blanks();
        let args = if self.eat('(') { self.args(name)? } else { Vec::new() };
        self.blanks();
        Ok(RawFilter { name, args })
    }

    fn args(&mut self, filter: &str) -> Result<Vec<Arg<'t>>, String> {
        let mut args = Vec::new();
        self.blanks();
        if self.eat(')') {
            return Ok(args);
        }
        loop {
            args.push(self.arg(filter == "map")?);
            self.blanks();
            if self.eat(')') {
                return Ok(args);
            }
            if !self.eat(',') {
                return Err(self.open_parenthesis(filter));
            }
        }
    }

    fn open_parenthesis(&self, filter: &str) -> String {
        match self.rest.chars().next() {
            None => no_end(),
            Some('}') => {
                format!(
                    "`{filter}(` has no `)`; an argument that holds `}}`, `)` or a comma stands in quotes"
                )
            }
            Some(_) => format!("after an argument of `{filter}` comes `,` or `)`"),
        }
    }

    fn arg(&mut self, pairs: bool) -> Result<Arg<'t>, String> {
        let word = self.word(if pairs { &[',', ')', '}', '='] } else { &[',', ')', '}'] })?;
        self.blanks();
        if pairs && self.eat('=') {
            let text = self.word(&[',', ')', '}'])?.text;
            return Ok(Arg { key: Some(word), text });
        }
        Ok(Arg { key: None, text: word.text })
    }

    fn word(&mut self, stops: &[char]) -> Result<Word<'t>, String> {
        self.blanks();
        let Some(quote) = self.rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            return Ok(Word { text: self.take_until(stops).trim_end(), quoted: false });
        };
        self.eat(quote);
        let text = self.take_until(&[quote]);
        if self.eat(quote) {
            return Ok(Word { text, quoted: true });
        }
        Err(format!("a quoted argument has no closing {quote}"))
    }

    fn end(&mut self) -> Result<(), String> {
        if self.eat('}') {
            return Ok(());
        }
        if !self.rest.contains('}') {
            return Err(no_end());
        }
        let word = self.rest.split([' ', '}']).next().unwrap_or_default();
        Err(format!("`{word}` stands where `|` or `}}` should"))
    }

    fn written(&self) -> &'t str {
        self.from.strip_suffix(self.rest).unwrap_or(self.from)
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_until(&mut self, stops: &[char]) -> &'t str {
        self.take_while(|c| !stops.contains(&c))
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

fn no_end() -> String {
    "it has no `}`; if ` #` follows it in the file, quote the value: in YAML ` #` starts a comment".to_owned()
}
