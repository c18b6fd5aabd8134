//! What an expression comes to, as far as it can be known without running it.

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Flag(bool),
    /// `null` or `undefined`.
    Nothing,
    /// A list of values.
    List(Vec<Value>),
    /// Something reached by name.
    Path(Path),
    /// Decided while it runs.
    Unknown,
}

impl Value {
    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A member; `globalThis.x` is `x`.
    pub(crate) fn member(self, name: &str) -> Self {
        match self {
            Self::List(list) => match name {
                "length" => Self::Number(u32::try_from(list.len()).unwrap_or(u32::MAX).into()),
                _ => name
                    .parse()
                    .map_or(Self::Unknown, |at: f64| index(&list, at)),
            },
            Self::Path(path) if path.is_global_object() => Self::Path(Path::global(name)),
            Self::Path(path)
                if name == "default" && path.parts.is_empty() && path.root_module().is_some() =>
            {
                Self::Path(path)
            }
            Self::Path(path) => Self::Path(path.member(name)),
            _ => Self::Path(Path::new(Root::Other).member(name)),
        }
    }

    pub(crate) fn into_path(self) -> Option<Path> {
        match self {
            Self::Path(path) => Some(path),
            _ => None,
        }
    }

    /// How much it holds, in bytes or so.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(list) => list.iter().map(|one| 8 + one.weight()).sum(),
            _ => 0,
        }
    }

    /// The text or number as it would be printed.
    pub(crate) fn printed(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => Some(number.to_string()),
            Self::Flag(flag) => Some(flag.to_string()),
            _ => None,
        }
    }
}

/// An element of a list.
pub(crate) fn index(list: &[Value], at: f64) -> Value {
    if at.fract() != 0.0 || !(0.0..1e6).contains(&at) {
        return Value::Unknown;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked just above"
    )]
    let at = at as usize;
    list.get(at).cloned().unwrap_or(Value::Nothing)
}

/// How long a path is followed.
const PARTS_MAX: usize = 12;
/// How long each of its names is: what is copied at each step and told with each fact has to end.
const NAME_MAX: usize = 1_000;

fn part(name: &str) -> String {
    let mut end = name.len().min(NAME_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default().to_owned()
}

/// Where something was reached from, and through which members and calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// Where it begins.
    pub(crate) root: Root,
    /// The names on the way; a call or `new` adds none.
    pub(crate) parts: Vec<String>,
}

/// Where a path begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Root {
    /// A name that nothing in the source declares.
    Global(String),
    /// A module.
    Module(String),
    /// `this`.
    This,
    /// Something the source made itself.
    Other,
}

impl Path {
    pub(crate) fn new(root: Root) -> Self {
        Self {
            root,
            parts: Vec::new(),
        }
    }

    pub(crate) fn global(name: &str) -> Self {
        Self::new(Root::Global(part(name)))
    }

    /// A module; Node.js' own without their prefix.
    pub(crate) fn module(name: &str) -> Self {
        Self::new(Root::Module(part(
            name.strip_prefix("node:").unwrap_or(name),
        )))
    }

    /// The path of a member. What gets too long begins anew, from something unknown.
    pub(crate) fn member(mut self, name: &str) -> Self {
        if self.parts.len() >= PARTS_MAX {
            self.root = Root::Other;
            self.parts.drain(..PARTS_MAX / 2);
        }
        self.parts.push(part(name));
        self
    }

    pub(crate) fn part(&self, at: usize) -> &str {
        self.parts.get(at).map_or("", String::as_str)
    }

    pub(crate) fn last(&self) -> &str {
        self.parts.last().map_or("", String::as_str)
    }

    /// The part before the last.
    pub(crate) fn owner(&self) -> &str {
        self.parts
            .len()
            .checked_sub(2)
            .map_or("", |at| self.part(at))
    }

    /// The name of the global it begins at.
    pub(crate) fn root_global(&self) -> Option<&str> {
        match &self.root {
            Root::Global(name) => Some(name),
            _ => None,
        }
    }

    /// The name of the module it begins at.
    pub(crate) fn root_module(&self) -> Option<&str> {
        match &self.root {
            Root::Module(name) => Some(name),
            _ => None,
        }
    }

    /// Whether it is this global and these members, no more.
    pub(crate) fn is(&self, global: &str, parts: &[&str]) -> bool {
        self.root_global() == Some(global) && self.parts == parts
    }

    /// Another name for the object that holds all globals. Node-RED's `global` is told apart by its members.
    fn is_global_object(&self) -> bool {
        self.parts.is_empty()
            && matches!(
                self.root_global(),
                Some("globalThis" | "window" | "self" | "top" | "parent")
            )
    }

    /// As people write it.
    pub(crate) fn name(&self) -> String {
        let root = match &self.root {
            Root::Global(name) | Root::Module(name) => name.as_str(),
            Root::This => "this",
            Root::Other => "…",
        };
        std::iter::once(root)
            .chain(self.parts.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(".")
    }
}
