//! Colours of code. The syntaxes are Sublime Text's, read once, when the first code is shown.

use std::{ops::Range, sync::OnceLock};

use model::flow::change::Language;
use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

use super::budget::Budget;

/// A line longer than this ends the colours: minified code is read by nobody, and its patterns
/// cost the most.
const LINE_BYTES_MAX: usize = 2_000;

/// Stretches of one line and their classes in the stylesheet; the rest has none.
pub(super) type Coloured = Vec<(Range<usize>, &'static str)>;

/// What a scope is shown as; the most telling first. Prefixes, as Sublime Text's themes match them.
const CLASSES: [(&str, &str); 22] = [
    ("comment", "c"),
    ("constant.character.escape", "e"),
    ("string", "s"),
    ("constant.numeric", "n"),
    ("constant", "b"),
    ("keyword.operator", "o"),
    ("keyword", "k"),
    ("storage", "k"),
    ("variable.language", "b"),
    ("variable.function", "f"),
    ("entity.name.function", "f"),
    ("support.function", "f"),
    ("entity.name.tag", "t"),
    ("entity.name", "f"),
    ("entity.other", "a"),
    ("support.type.property-name", "a"),
    ("support.type", "a"),
    ("markup.heading", "t"),
    ("markup.raw", "s"),
    ("markup.underline.link", "s"),
    ("markup", "f"),
    ("invalid", "e"),
];

struct Grammar {
    syntaxes: SyntaxSet,
    classes: Vec<(Scope, &'static str)>,
}

fn grammar() -> &'static Grammar {
    static GRAMMAR: OnceLock<Grammar> = OnceLock::new();
    GRAMMAR.get_or_init(|| Grammar {
        syntaxes: SyntaxSet::load_defaults_newlines(),
        classes: CLASSES
            .iter()
            .filter_map(|(scope, class)| Some((Scope::new(scope).ok()?, *class)))
            .collect(),
    })
}

impl Grammar {
    fn syntax(&self, language: Language) -> Option<&SyntaxReference> {
        let extension = match language {
            // JSONata has no syntax of its own there; its strings, numbers and calls are alike.
            Language::JavaScript | Language::Jsonata => "js",
            Language::Json => "json",
            Language::Html => "html",
            Language::Css => "css",
            Language::Sql => "sql",
            Language::Markdown => "md",
            Language::Yaml => "yaml",
            Language::Plain | Language::Text => return None,
        };
        self.syntaxes.find_syntax_by_extension(extension)
    }

    fn class(&self, stack: &ScopeStack) -> Option<&'static str> {
        stack.as_slice().iter().rev().find_map(|scope| {
            let fits = |(prefix, _): &&(Scope, &str)| prefix.is_prefix_of(*scope);
            self.classes.iter().find(fits).map(|(_, class)| *class)
        })
    }
}

/// The colours of `lines` (with their line ends), from the first on for as long as the budget lasts.
/// What is open at the end of a line (a comment, a template) goes on in the next.
pub(super) fn colours(lines: &[&str], language: Language, budget: &Budget) -> Vec<Coloured> {
    if matches!(language, Language::Plain | Language::Text) {
        return Vec::new();
    }
    let grammar = grammar();
    let Some(syntax) = grammar.syntax(language) else {
        return Vec::new();
    };
    let mut state = ParseState::new(syntax);
    let mut stack = ScopeStack::new();
    budget.colour(lines, |line| {
        if line.len() > LINE_BYTES_MAX {
            return None;
        }
        let ops = state.parse_line(line, &grammar.syntaxes).ok()?;
        let mut coloured = Coloured::new();
        let mut from = 0;
        let mut stretch = |to: usize, class: Option<&'static str>| {
            if let (true, Some(class)) = (to > from, class) {
                coloured.push((from..to, class));
            }
            from = from.max(to);
        };
        for (at, op) in ops {
            stretch(at, grammar.class(&stack));
            stack.apply(&op).ok()?;
        }
        stretch(line.len(), grammar.class(&stack));
        Some(coloured)
    })
}
