//! From a source to its facts: wrap, read, gather, collect.

use std::collections::HashMap;

use oxc_ast::ast::{Expression, Program, Statement};
use oxc_ast_visit::Visit;
use oxc_span::GetSpan;

use crate::bindings::{Bindings, Gather};
use crate::collect::{Collect, Setting};
use crate::place::Lines;
use crate::reader::{self, Kind, Tree};
use crate::resolve::Resolver;
use crate::signs::signs;
use crate::value::Path;
use crate::{Comment, Fact, Facts, How, Parsed, Part, Use};

/// How many comments are kept, and how long each.
const COMMENTS_MAX: usize = 5_000;
const COMMENT_MAX: usize = 1_024;

/// What stands round the code, what it is given, and how it is meant.
struct Job<'a> {
    before: &'a str,
    after: &'a str,
    kinds: &'a [Kind],
    setting: Setting,
    given: HashMap<String, Path>,
}

pub(crate) fn function(code: &str, how: &How) -> Facts {
    // As in Node-RED's `10-function.js`, so that what closes the wrapper here closes it there.
    let before = match how.part {
        Part::Message => "(async function(msg,__send__,__done__){var __msgid__,node;\n",
        Part::Setup => "(async function(__send__){var node;\n",
        Part::Close => "(function(){var node;\n",
    };
    let libs = how
        .libs
        .iter()
        .map(|lib| (lib.name.clone(), Path::module(package(&lib.module))));
    run(
        code,
        &Job {
            before,
            after: "\n})",
            kinds: &[Kind::Script],
            setting: Setting::Function,
            given: libs.collect(),
        },
    )
}

pub(crate) fn file(source: &str) -> Facts {
    let kinds = &[Kind::CommonJs, Kind::Module, Kind::Script];
    run(
        source,
        &Job {
            before: "",
            after: "",
            kinds,
            setting: Setting::File,
            given: HashMap::new(),
        },
    )
}

pub(crate) fn page(source: &str) -> Facts {
    let kinds = &[Kind::Script, Kind::Module];
    run(
        source,
        &Job {
            before: "",
            after: "",
            kinds,
            setting: Setting::Page,
            given: HashMap::new(),
        },
    )
}

pub(crate) fn handler(code: &str) -> Facts {
    let code = code
        .trim_start()
        .strip_prefix("javascript:")
        .unwrap_or(code);
    run(
        code,
        &Job {
            before: "(function(event){\n",
            after: "\n})",
            kinds: &[Kind::Script],
            setting: Setting::Page,
            given: HashMap::new(),
        },
    )
}

/// A module's name without its version or address (`left-pad@1.0.0`, `@x/y@file:…`).
fn package(module: &str) -> &str {
    let from = usize::from(module.starts_with('@'));
    match module.get(from..).and_then(|rest| rest.find('@')) {
        Some(at) => module.get(..from + at).unwrap_or(module),
        None => module,
    }
}

fn run(code: &str, job: &Job<'_>) -> Facts {
    let wrapped;
    let text = if job.before.is_empty() {
        code
    } else {
        wrapped = [job.before, code, job.after].concat();
        &wrapped
    };
    let lines = Lines::new(code, job.before.len());
    let read = reader::read(text, job.kinds, |tree| collect(tree, code, job, &lines));
    match read {
        Ok(facts) => facts,
        Err(refused) => Facts {
            parsed: Parsed::Refused(refused),
            uses: signs(code, &lines),
            ..Facts::default()
        },
    }
}

fn collect(tree: &Tree<'_>, code: &str, job: &Job<'_>, lines: &Lines<'_>) -> Facts {
    let start = u32::try_from(job.before.len()).unwrap_or(u32::MAX);
    let end = u32::try_from(job.before.len() + code.len()).unwrap_or(u32::MAX);
    let mut gather = Gather {
        bindings: Bindings::new(tree.scoping),
        scoping: tree.scoping,
    };
    gather.visit_program(tree.program);
    let resolver = Resolver::new(
        gather.finish(),
        tree.scoping,
        job.given.clone(),
        start,
        code.len(),
    );
    let source = tree.program.source_text;
    let mut collect = Collect::new(resolver, lines, job.setting, source, start..end);
    collect.visit_program(tree.program);
    collect.habits();
    let mut facts = collect.finish();
    facts.uses.extend(signs(code, lines));
    if start > 0 && tree.error.is_none() && !is_wrapped(tree.program) {
        let place = lines.place(start as usize, end as usize);
        facts.uses.push(Use {
            fact: Fact::BreaksOut,
            place,
            snippet: lines.snippet(place),
        });
    }
    comments(tree.program, start..end, lines, &mut facts);
    if let Some((message, start, end)) = &tree.error {
        let message = message.clone();
        facts.parsed = Parsed::Error {
            message,
            place: lines.place(*start, *end),
        };
    }
    facts
}

/// Whether the wrapper is still one function from beginning to end.
fn is_wrapped(program: &Program<'_>) -> bool {
    let [Statement::ExpressionStatement(only)] = program.body.as_slice() else {
        return false;
    };
    let Expression::FunctionExpression(function) = &only.expression else {
        return false;
    };
    function.span().start == 1 && function.span().end as usize == program.source_text.len() - 1
}

fn comments(
    program: &Program<'_>,
    own: std::ops::Range<u32>,
    lines: &Lines<'_>,
    facts: &mut Facts,
) {
    for comment in program
        .comments
        .iter()
        .filter(|one| own.contains(&one.span.start))
    {
        if facts.comments.len() >= COMMENTS_MAX {
            facts.is_cut = true;
            return;
        }
        let inner = comment.content_span();
        let text = program
            .source_text
            .get(inner.start as usize..inner.end as usize);
        let text = text.unwrap_or_default().chars().take(COMMENT_MAX).collect();
        let place = lines.place(comment.span.start as usize, comment.span.end as usize);
        facts.comments.push(Comment { text, place });
    }
}
