//! One property before and after: as on the page, by path, line and word, in a unified form.

use console::compare::{
    Body, Budget, Comparison, Kind, Part, PathLine, Pieces, Row, Side, compare, words,
};
use model::flow::change::PropertyChange;

use crate::terminal::sheet::{Sheet, Span, Style, dim, plain};

/// Columns of a line's number.
const NUMBER: usize = 5;

/// Writes one property.
pub(super) fn write(sheet: &mut Sheet, indent: usize, property: &PropertyChange, budget: &Budget) {
    let Comparison {
        key,
        language,
        note,
        preset,
        body,
    } = compare(property, budget);
    let mut about: Vec<String> = Vec::new();
    if !language.is_empty() {
        about.push(language.to_owned());
    }
    about.extend(note.into_iter().chain(preset).map(str::to_owned));
    let about = if about.is_empty() {
        String::new()
    } else {
        format!(" ({})", about.join("; "))
    };
    let head = [plain(&key), dim(about)];
    match body {
        Body::Plain { before, after } => {
            let mut spans = vec![plain(format!("{key}: "))];
            spans.extend(arrow(sheet, before.as_ref(), after.as_ref()));
            sheet.hanging(indent, indent + 4, &spans);
        }
        Body::Whole {
            is_added,
            lines,
            folded,
            cut,
        } => {
            sheet.line(indent, &head);
            let sign = Sign::of(is_added);
            for side in &lines {
                one(sheet, indent, sign, side);
            }
            if sheet.look.is_full {
                for side in &folded {
                    one(sheet, indent, sign, side);
                }
            } else {
                left_out(sheet, indent, folded.len() + cut, "more");
            }
        }
        Body::Lines { parts } => {
            sheet.line(indent, &head);
            write_parts(sheet, indent, &parts);
        }
        Body::Structure { paths, more, parts } => {
            sheet.line(indent, &head);
            for path in &paths {
                write_path(sheet, indent + 2, path);
            }
            // The text says what the paths do not.
            let is_told =
                !paths.is_empty() && more == 0 && paths.iter().all(|it| it.note.is_none());
            if sheet.look.is_full || !is_told {
                write_parts(sheet, indent, &parts);
            }
        }
    }
}

/// Two short texts, with the words marked that differ.
pub(super) fn said(sheet: &Sheet, before: Option<&str>, after: Option<&str>) -> Vec<Span> {
    match (before, after) {
        (Some(before), Some(after)) => {
            let (before, after) = words(before, after);
            arrow(sheet, Some(&before), Some(&after))
        }
        (before, after) => {
            let pieces = |text: Option<&str>| text.map(Pieces::plain);
            arrow(sheet, pieces(before).as_ref(), pieces(after).as_ref())
        }
    }
}

/// "before → after"; one side alone with its sign.
fn arrow(sheet: &Sheet, before: Option<&Pieces>, after: Option<&Pieces>) -> Vec<Span> {
    let is_full = sheet.look.is_full;
    match (before, after) {
        (Some(before), Some(after)) => {
            let mut spans = pieces(before, Sign::Goes, is_full);
            spans.push(dim(" → "));
            spans.extend(pieces(after, Sign::Comes, is_full));
            spans
        }
        (Some(only), None) => [vec![Sign::Goes.span()], pieces(only, Sign::Goes, is_full)].concat(),
        (None, Some(only)) => {
            [vec![Sign::Comes.span()], pieces(only, Sign::Comes, is_full)].concat()
        }
        (None, None) => vec![dim("no value")],
    }
}

fn write_path(sheet: &mut Sheet, indent: usize, line: &PathLine) {
    let mut spans = pieces(&line.path, Sign::Same, true);
    spans.push(plain(": "));
    match line.note {
        Some(note) => spans.push(dim(note)),
        None => spans.extend(arrow(sheet, line.before.as_ref(), line.after.as_ref())),
    }
    sheet.hanging(indent, indent + 4, &spans);
}

fn write_parts(sheet: &mut Sheet, indent: usize, parts: &[Part]) {
    for part in parts {
        match part {
            Part::Rows(rows) => write_rows(sheet, indent, rows),
            Part::Same(rows) if sheet.look.is_full => write_rows(sheet, indent, rows),
            Part::Same(rows) => left_out(sheet, indent, rows.len(), "the same"),
            Part::Cut { count, differs } => {
                let how = if *differs {
                    "left out, some of them differ"
                } else {
                    "left out, the same"
                };
                left_out(sheet, indent, *count, how);
            }
        }
    }
}

/// As a unified diff: of a changed stretch first what goes, then what comes.
fn write_rows(sheet: &mut Sheet, indent: usize, rows: &[Row]) {
    for stretch in rows.chunk_by(|one, other| one.is_changed == other.is_changed) {
        if stretch.first().is_some_and(|row| row.is_changed) {
            for side in stretch.iter().filter_map(|row| row.left.as_ref()) {
                one(sheet, indent, Sign::Goes, side);
            }
            for side in stretch.iter().filter_map(|row| row.right.as_ref()) {
                one(sheet, indent, Sign::Comes, side);
            }
        } else {
            for side in stretch.iter().filter_map(|row| row.right.as_ref()) {
                one(sheet, indent, Sign::Same, side);
            }
        }
    }
}

fn one(sheet: &mut Sheet, indent: usize, sign: Sign, side: &Side) {
    let mut spans = vec![dim(format!("{:>NUMBER$} ", side.number)), sign.span()];
    spans.extend(pieces(&side.pieces, sign, sheet.look.is_full));
    sheet.hanging(indent, indent + NUMBER + 3, &spans);
}

fn left_out(sheet: &mut Sheet, indent: usize, count: usize, how: &str) {
    if count > 0 {
        let lines = if count == 1 { "line" } else { "lines" };
        let text = format!("{:>NUMBER$} {count} {lines} {how}: --full shows all", "⋯");
        sheet.line(indent, &[dim(text)]);
    }
}

/// On which side a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Goes,
    Comes,
    Same,
}

impl Sign {
    fn of(is_added: bool) -> Self {
        if is_added { Self::Comes } else { Self::Goes }
    }

    fn span(self) -> Span {
        match self {
            Self::Goes => Span::new(Style::Bad, "- "),
            Self::Comes => Span::new(Style::Good, "+ "),
            Self::Same => plain("  "),
        }
    }
}

fn pieces(pieces: &Pieces, sign: Sign, is_full: bool) -> Vec<Span> {
    let parts = pieces.parts().iter();
    parts
        .map(|piece| {
            let style = match (piece.is_marked, sign) {
                (true, Sign::Goes) => Style::Goes,
                (true, Sign::Comes) => Style::Comes,
                _ if !piece.class.is_empty() => Style::Code(piece.class),
                _ => Style::Plain,
            };
            match &piece.kind {
                Kind::Fold(count) if !is_full => Span::new(
                    Style::Dim,
                    format!("⟨{count} characters: --full shows them⟩"),
                ),
                Kind::Text | Kind::Fold(_) => Span::new(style, &piece.text),
                // A letter that looks like another can be seen, and yet not told.
                Kind::Sign(name) if piece.text.chars().all(char::is_alphabetic) => {
                    Span::new(Style::Warn, format!("{}⟨{name}⟩", piece.text))
                }
                Kind::Sign(name) if piece.text == "⟨…⟩" => {
                    Span::new(Style::Dim, format!("⟨{name}: --full shows them⟩"))
                }
                Kind::Sign(_) => Span::new(Style::Warn, &piece.text),
            }
        })
        .collect()
}
