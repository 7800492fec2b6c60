//! YAML as a tree that knows its lines. Anchors are shared and merges resolved; what is too deep or
//! grows too far is refused, so that no file can exhaust the stack or the memory.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use saphyr_parser::{Event, Parser, Span};

/// No workflow and no compose file is nested deeper.
const DEPTH: usize = 64;
/// How many entries all merges of a file may add.
const MERGED: usize = 10_000;

/// A value, and the line where it begins.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) line: usize,
    value: Value,
    depth: usize,
}

#[derive(Debug)]
enum Value {
    Scalar(String),
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: usize,
    pub(crate) value: Rc<Node>,
}

/// Why a file is no YAML.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Node {
    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The elements; a value that is no list is the only one.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Node> {
        let (one, several) = match &self.value {
            Value::List(items) => (None, items.as_slice()),
            Value::Scalar(_) | Value::Map(_) => (Some(self), [].as_slice()),
        };
        one.into_iter().chain(several.iter().map(Rc::as_ref))
    }

    /// The texts of a list, or of the only one.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.each().filter_map(Self::text)
    }

    /// The entries of a map.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Scalar(_) | Value::List(_) => &[],
        }
    }

    /// What a key holds, with the line of the key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// What a key holds.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| entry.value.as_ref())
    }

    /// The text that a key holds.
    pub(crate) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// Whether a list is written.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.value, Value::List(_))
    }

    /// Whether it says yes.
    pub(crate) fn is_true(&self) -> bool {
        self.text().is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }
}

/// Reads the first document of `text`; none when there is none.
pub(crate) fn parse(text: &str) -> Result<Option<Node>, Fault> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Fault {
            line: error.marker().line(),
            message: error.info().to_owned(),
        })?;
        if event == Event::DocumentEnd {
            break;
        }
        builder.take(event, span)?;
    }
    builder.anchors.clear();
    Ok(builder.root.and_then(Rc::into_inner))
}

/// A list or a map whose end is not yet seen.
struct Open {
    line: usize,
    anchor: usize,
    depth: usize,
    is_map: bool,
    items: Vec<Rc<Node>>,
    entries: Vec<Entry>,
    key: Option<(String, usize)>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    root: Option<Rc<Node>>,
    merged: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        let line = span.start.line();
        match event {
            Event::Scalar(text, _, anchor, _) => self.add(scalar(&text, line), anchor),
            Event::Alias(anchor) => {
                // What refers to itself stands for nothing.
                let node = self.anchors.get(&anchor).cloned();
                self.place(node.unwrap_or_else(|| scalar("", line)), line)
            }
            Event::SequenceStart(anchor, _) => self.begin(line, anchor, false),
            Event::MappingStart(anchor, _) => self.begin(line, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, line: usize, anchor: usize, is_map: bool) -> Result<(), Fault> {
        if self.open.len() >= DEPTH {
            return Err(too_deep(line));
        }
        let (items, entries) = (Vec::new(), Vec::new());
        self.open.push(Open { line, anchor, depth: 0, is_map, items, entries, key: None });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = if open.is_map {
            Value::Map(self.merge(open.entries, open.line)?)
        } else {
            Value::List(open.items)
        };
        let node = Node { line: open.line, value, depth: open.depth + 1 };
        self.add(Rc::new(node), open.anchor)
    }

    fn add(&mut self, node: Rc<Node>, anchor: usize) -> Result<(), Fault> {
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        let line = node.line;
        self.place(node, line)
    }

    fn place(&mut self, node: Rc<Node>, line: usize) -> Result<(), Fault> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.depth = open.depth.max(node.depth);
        if open.depth >= DEPTH {
            return Err(too_deep(line));
        }
        if !open.is_map {
            open.items.push(node);
        } else if let Some((key, line)) = open.key.take() {
            open.entries.push(Entry { key, line, value: node });
        } else {
            open.key = Some((node.text().unwrap_or_default().to_owned(), line));
        }
        Ok(())
    }

    /// What `<<` brings, behind what is written.
    fn merge(&mut self, mut entries: Vec<Entry>, line: usize) -> Result<Vec<Entry>, Fault> {
        let is_merge = |entry: &mut Entry| entry.key == "<<";
        let merges: Vec<Entry> = entries.extract_if(.., is_merge).collect();
        let mut keys: HashSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
        for source in merges.iter().flat_map(|merge| merge.value.each()) {
            self.merged += source.entries().len();
            if self.merged > MERGED {
                let message = "its merges add more than anybody can read".to_owned();
                return Err(Fault { line, message });
            }
            let new = source.entries().iter().filter(|entry| keys.insert(entry.key.clone()));
            entries.extend(new.cloned());
        }
        Ok(entries)
    }
}

fn scalar(text: &str, line: usize) -> Rc<Node> {
    Rc::new(Node { line, value: Value::Scalar(text.to_owned()), depth: 1 })
}

fn too_deep(line: usize) -> Fault {
    Fault { line, message: format!("it is nested deeper than {DEPTH}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Node {
        parse(text).expect("YAML").expect("a document")
    }

    #[test]
    fn every_value_knows_its_line() {
        let node = read("a: 1\n\n# comment\nb:\n  - x\n  - y: |\n      text\n");
        assert_eq!(node.entry("a").map(|entry| entry.line), Some(1));
        let b = node.entry("b").expect("b");
        assert_eq!((b.line, b.value.line), (4, 5));
        assert_eq!(b.value.each().nth(1).and_then(|y| y.entry("y")).map(|y| y.line), Some(6));
    }

    #[test]
    fn merged_keys_stand_behind_written_ones() {
        let node = read("base: &b {image: x, init: true}\nweb:\n  <<: *b\n  image: y\n");
        let web = node.get("web").expect("web");
        assert_eq!(web.text_of("image"), Some("y"));
        assert!(web.get("init").is_some_and(Node::is_true));
    }

    #[test]
    fn a_thing_within_itself_and_a_million_laughs_end() {
        assert!(parse("a: &a [*a]").is_ok());
        let mut laughs = String::from("a0: &a0 {k: v}\n");
        for at in 1..40 {
            let before = at - 1;
            laughs += &format!("a{at}: &a{at} [*a{before}, *a{before}]\n");
        }
        assert!(parse(&laughs).is_ok(), "shared, not copied");
        let mut towers = String::from("a0: &a0 [x]\n");
        for at in 1..200 {
            towers += &format!("a{at}: &a{at} [*a{}]\n", at - 1);
        }
        assert!(parse(&towers).expect_err("deep").message.contains("nested"));
        assert!(parse(&"[".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(?s)[-a-z \n:#\\[\\]{}&*<|>!%@'\",?0-9\t\\\\~]{0,200}|\\PC*") {
            let _ = parse(&text);
        }
    }
}
