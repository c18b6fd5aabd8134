//! The one way to the parser: measured, with the stack it needs, and never a crash.
//!
//! Whoever needs the tree hands in a closure ([`read`]); the tree lives no longer than that call.

use std::cell::Cell;

use oxc_allocator::Allocator;
use oxc_ast::AstKind;
use oxc_ast::ast::{BindingIdentifier, Expression, IdentifierReference, Program, Statement};
use oxc_ast_visit::{Visit, walk};
use oxc_parser::{ParseOptions, Parser, ParserReturn};
use oxc_semantic::{Scoping, SemanticBuilder, Stats};
use oxc_span::{GetSpan, SourceType};
use oxc_syntax::scope::{ScopeFlags, ScopeId};

use crate::Refused;
use crate::{measure, room};

/// How long a source may be.
pub(crate) const BYTES_MAX: usize = 16 * 1024 * 1024;
/// How many expressions and statements may lie within each other in the tree: chains like `a+b+c` are
/// read in a loop, but whoever walks the tree goes down all of it.
const TREE_MAX: usize = 4_000;

/// How a source is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file Node.js loads with `require`: `return` may stand outside functions.
    CommonJs,
    /// An ES module.
    Module,
    /// A classic script.
    Script,
}

/// A parsed source.
pub(crate) struct Tree<'a> {
    pub(crate) program: &'a Program<'a>,
    /// Which name means which variable.
    pub(crate) scoping: &'a Scoping,
    /// The first error, with where it stands: the tree then holds what could be read, perhaps nothing.
    pub(crate) error: Option<(String, usize, usize)>,
}

/// Parses `source`, as the first of `kinds` that fits (the first of all if none does), and hands the tree
/// to `look`.
pub(crate) fn read<R: Send>(
    source: &str,
    kinds: &[Kind],
    look: impl FnOnce(&Tree<'_>) -> R + Send,
) -> Result<R, Refused> {
    if source.len() > BYTES_MAX {
        return Err(Refused::Size {
            bytes: source.len(),
            max: BYTES_MAX,
        });
    }
    if let Some(at) = measure::too_deep(source) {
        return Err(too_deep(source, at));
    }
    room::parsing(|| parse(source, kinds, look))
}

fn too_deep(source: &str, at: usize) -> Refused {
    let before = source.as_bytes().get(..at).unwrap_or_default();
    let lines = before.split(|byte| *byte == b'\n').count() - 1;
    Refused::Nesting {
        max: measure::DEPTH_MAX,
        line: u32::try_from(lines + 1).unwrap_or(u32::MAX),
    }
}

fn parse<R>(source: &str, kinds: &[Kind], look: impl FnOnce(&Tree<'_>) -> R) -> Result<R, Refused> {
    let (first, others) = match kinds {
        [first, others @ ..] => (*first, others),
        [] => (Kind::Script, kinds),
    };
    let allocator = Allocator::default();
    let parsed = parser(&allocator, source, first).parse();
    if !parsed.diagnostics.is_empty() {
        for kind in others {
            // An arena of its own, given back at once: a tree is many times as large as its source, and at
            // most two are held.
            let allocator = Allocator::default();
            let other = parser(&allocator, source, *kind).parse();
            if other.diagnostics.is_empty() {
                return understand(source, &allocator, other, look);
            }
        }
    }
    understand(source, &allocator, parsed, look)
}

fn understand<'a, R>(
    source: &str,
    allocator: &'a Allocator,
    parsed: ParserReturn<'a>,
    look: impl FnOnce(&Tree<'_>) -> R,
) -> Result<R, Refused> {
    let error = parsed.diagnostics.errors().next().map(|fault| {
        let label = fault.labels.first();
        let start = label.map_or(0, oxc_span::LabeledSpan::offset) as usize;
        let length = label.map_or(0, oxc_span::LabeledSpan::len) as usize;
        (fault.message.to_string(), start, start + length)
    });
    let program = &*allocator.alloc(parsed.program);
    let mut depth = Depth::default();
    depth.visit_program(program);
    if let Some(at) = depth.exceeded {
        return Err(too_deep(source, at));
    }
    // Counted on the same walk: else the builder walks the tree once more for it.
    let meant = SemanticBuilder::new()
        .with_stats(depth.stats)
        .build(program);
    let scoping = meant.semantic.into_scoping();
    Ok(look(&Tree {
        program,
        scoping: &scoping,
        error,
    }))
}

fn parser<'a>(allocator: &'a Allocator, source: &'a str, kind: Kind) -> Parser<'a> {
    let source_type = match kind {
        Kind::CommonJs => SourceType::cjs(),
        Kind::Module => SourceType::mjs(),
        Kind::Script => SourceType::script(),
    };
    let options = ParseOptions {
        allow_return_outside_function: kind == Kind::CommonJs,
        preserve_parens: false,
        ..ParseOptions::default()
    };
    Parser::new(allocator, source, source_type).with_options(options)
}

/// Measures the tree, going no deeper than it may be, and counts what is in it.
#[derive(Default)]
struct Depth {
    within: usize,
    exceeded: Option<usize>,
    stats: Stats,
}

impl Depth {
    fn within(&mut self, at: u32, go_on: impl FnOnce(&mut Self)) {
        if self.exceeded.is_some() {
            return;
        }
        if self.within >= TREE_MAX {
            self.exceeded = Some(at as usize);
            return;
        }
        self.within += 1;
        go_on(self);
        self.within -= 1;
    }
}

impl<'a> Visit<'a> for Depth {
    fn enter_node(&mut self, _: AstKind<'a>) {
        self.stats.nodes += 1;
    }

    fn enter_scope(&mut self, _: ScopeFlags, _: &Cell<Option<ScopeId>>) {
        self.stats.scopes += 1;
    }

    fn visit_binding_identifier(&mut self, _: &BindingIdentifier<'a>) {
        self.stats.nodes += 1;
        self.stats.symbols += 1;
    }

    fn visit_identifier_reference(&mut self, _: &IdentifierReference<'a>) {
        self.stats.nodes += 1;
        self.stats.references += 1;
    }

    fn visit_expression(&mut self, it: &Expression<'a>) {
        self.within(it.span().start, |depth| walk::walk_expression(depth, it));
    }

    fn visit_statement(&mut self, it: &Statement<'a>) {
        self.within(it.span().start, |depth| walk::walk_statement(depth, it));
    }
}

#[cfg(test)]
mod tests;
