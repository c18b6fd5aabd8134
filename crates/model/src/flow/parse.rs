//! Reading flows from hostile text, with limits.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher as _, RandomState},
    ops::Range,
    sync::Arc,
};

use hashbrown::{HashTable, hash_table};
use serde_json::value::RawValue;

use super::{
    canonical::{already, canonical},
    credentials::{self, CredentialChange, CredentialChanges, CredentialNames},
    error::FlowError,
    scan,
    wires::Wires,
};
use crate::id::Hash;

mod entry;

pub(super) use entry::Place;
use entry::{Entry, entry, place};

/// How large a flows text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the text.
    pub bytes_max: usize,
    /// Entries of the array.
    pub nodes_max: usize,
    /// Depth of nesting, the outermost array counted; above 127 it makes no difference.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: 64 << 20,
            nodes_max: 200_000,
            depth_max: 100,
        }
    }
}

/// Characters of an entry's id.
pub(super) const ID_MAX: usize = 128;
/// Characters of an entry's type; a subflow instance's holds an id.
pub(super) const TYPE_MAX: usize = 256;

/// A flows file in canonical form. Cloning is cheap.
#[derive(Clone)]
pub struct Flows {
    canonical: Arc<str>,
    index: Arc<Index>,
}

struct Index {
    entries: Vec<Entry>,
    ids: Ids,
}

/// Where each id stands. It holds places, not texts: those are in the canonical text already.
struct Ids {
    places: HashTable<u32>,
    /// Its seed is drawn anew each time: ids are chosen by strangers.
    hasher: RandomState,
}

impl Ids {
    fn of(canonical: &str, entries: &[Entry]) -> Result<Self, FlowError> {
        let hasher = RandomState::new();
        let mut places = HashTable::with_capacity(entries.len());
        let id_at = |place: &u32| entries[*place as usize].id.of(canonical);
        let numbers = 0..u32::try_from(entries.len()).map_err(|_| FlowError::NotCanonical)?;
        for place in numbers {
            let id = id_at(&place);
            let known = places.entry(
                hasher.hash_one(id),
                |other| id_at(other) == id,
                |other| hasher.hash_one(id_at(other)),
            );
            match known {
                // Node-RED would keep the last and the editor both: two readings of one text.
                hash_table::Entry::Occupied(_) => {
                    return Err(FlowError::DuplicateId { id: id.to_owned() });
                }
                hash_table::Entry::Vacant(free) => free.insert(place),
            };
        }
        Ok(Self { places, hasher })
    }
}

impl std::fmt::Debug for Flows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the text: function code and clear-text properties may hold secrets.
        f.debug_struct("Flows")
            .field("entries", &self.len())
            .field("hash", &self.hash())
            .finish()
    }
}

/// A submitted flows file: the flows without credentials, and the credential changes they carried.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// The flows, `credentials` objects taken off.
    pub flows: Flows,
    /// What those objects said.
    pub credentials: CredentialChanges,
    /// For subflows, their instances and the global configuration: every field their
    /// `credentials` object named. Node-RED drops the ones it does not name.
    pub listed: BTreeMap<String, BTreeSet<String>>,
}

impl Submitted {
    /// The credential changes, with the removals that are told only by leaving a field out of a
    /// subflow's or the global configuration's list. `known` are the credentials of the base.
    pub fn credential_changes(&self, known: &CredentialNames) -> CredentialChanges {
        let mut changes = self.credentials.clone();
        for (node, field) in known {
            if self
                .listed
                .get(node)
                .is_some_and(|listed| !listed.contains(field))
            {
                changes.set(node, field, CredentialChange::Remove);
            }
        }
        changes
    }
}

/// One node of a flows file. Its text is a slice of the canonical text.
#[derive(Clone, Copy)]
pub struct NodeRef<'a> {
    canonical: &'a str,
    entry: &'a Entry,
}

impl std::fmt::Debug for NodeRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeRef")
            .field("id", &self.id())
            .field("kind", &self.kind())
            .finish()
    }
}

impl Flows {
    /// Reads what a client submitted: an array of nodes (with `credentials` objects on some).
    ///
    /// Errors: see [`FlowError`]; whatever two readers could understand differently is refused.
    pub fn submitted(text: &[u8], limits: &Limits) -> Result<Submitted, FlowError> {
        if text.len() > limits.bytes_max {
            return Err(FlowError::TooLarge {
                size: text.len(),
                max: limits.bytes_max,
            });
        }
        if text.starts_with(b"\xef\xbb\xbf") {
            return Err(FlowError::ByteOrderMark);
        }
        let text = std::str::from_utf8(text).map_err(|_| FlowError::NotText)?;
        if let Some(places) = already(text, limits) {
            return Ok(Submitted {
                flows: Self::placed(text.into(), places)?,
                credentials: CredentialChanges::default(),
                listed: BTreeMap::new(),
            });
        }
        let read = canonical(text, limits)?;
        let flows = Self::indexed(read.text.into(), read.entries)?;
        let mut changes = CredentialChanges::default();
        let mut listed = BTreeMap::new();
        for (place, text) in read.credentials {
            let node = flows.at(place);
            let said = credentials::read(node, &text).ok_or_else(|| FlowError::BadCredentials {
                id: node.id().to_owned(),
            })?;
            if let Some(names) = said.listed {
                listed.insert(node.id().to_owned(), names);
            }
            if !said.changes.is_empty() {
                changes.0.insert(node.id().to_owned(), said.changes);
            }
        }
        Ok(Submitted {
            flows,
            credentials: changes,
            listed,
        })
    }

    /// Reads a canonical text back from the store.
    ///
    /// Errors: the text is not what [`Flows::text`] gave.
    pub fn from_canonical(text: Arc<str>) -> Result<Self, FlowError> {
        let any = Limits {
            bytes_max: usize::MAX,
            nodes_max: usize::MAX,
            depth_max: usize::MAX,
        };
        if let Some(places) = already(&text, &any) {
            return Self::placed(text, places);
        }
        let entries: Vec<&RawValue> =
            serde_json::from_str(&text).map_err(|_| FlowError::NotCanonical)?;
        let origin = text.as_ptr().addr();
        let mut ranges = Vec::with_capacity(entries.len());
        let mut next = 1;
        for entry in entries {
            let start = entry.get().as_ptr().addr() - origin;
            if start != next {
                return Err(FlowError::NotCanonical);
            }
            let end = start + entry.get().len();
            ranges.push(start..end);
            next = end + 1;
        }
        // After the last entry stands the closing bracket and nothing else.
        if next.max(2) != text.len() {
            return Err(FlowError::NotCanonical);
        }
        Self::indexed(text, ranges)
    }

    /// Finds each entry's id, type and place, and refuses entries without.
    pub(super) fn indexed(
        canonical: Arc<str>,
        ranges: Vec<Range<usize>>,
    ) -> Result<Self, FlowError> {
        let places = ranges
            .into_iter()
            .map(|whole| place(&canonical, whole))
            .collect::<Result<Vec<_>, _>>()?;
        Self::placed(canonical, places)
    }

    fn placed(canonical: Arc<str>, places: Vec<Place>) -> Result<Self, FlowError> {
        let entries = places
            .into_iter()
            .enumerate()
            .map(|(index, place)| entry(&canonical, index, place))
            .collect::<Result<Vec<_>, _>>()?;
        let ids = Ids::of(&canonical, &entries)?;
        Ok(Self {
            canonical,
            index: Arc::new(Index { entries, ids }),
        })
    }

    /// The canonical text: what Node-RED's `JSON.stringify` gives.
    pub fn text(&self) -> &Arc<str> {
        &self.canonical
    }

    /// SHA-256 of the canonical text; Node-RED's `rev`.
    pub fn hash(&self) -> Hash {
        Hash::of(self.canonical.as_bytes())
    }

    /// The nodes in file order.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = NodeRef<'_>> + DoubleEndedIterator {
        self.index.entries.iter().map(|entry| NodeRef {
            canonical: &self.canonical,
            entry,
        })
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.index.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The node with this id.
    pub fn get(&self, id: &str) -> Option<NodeRef<'_>> {
        self.place(id).map(|place| self.at(place))
    }

    /// Where in the file the node with this id stands, from 0.
    pub fn place(&self, id: &str) -> Option<usize> {
        let Index { entries, ids } = &*self.index;
        let is_it = |place: &u32| entries[*place as usize].id.of(&self.canonical) == id;
        let found = ids.places.find(ids.hasher.hash_one(id), is_it);
        found.map(|place| *place as usize)
    }

    /// The node that stands there.
    pub(super) fn at(&self, place: usize) -> NodeRef<'_> {
        NodeRef {
            canonical: &self.canonical,
            entry: &self.index.entries[place],
        }
    }
}

impl<'a> NodeRef<'a> {
    /// Its id.
    pub fn id(&self) -> &'a str {
        self.entry.id.of(self.canonical)
    }

    /// Its type.
    pub fn kind(&self) -> &'a str {
        self.entry.kind.of(self.canonical)
    }

    /// The tab or subflow it is on (`z`); none or empty for tabs and global config nodes.
    pub fn tab(&self) -> Option<&'a str> {
        self.entry.tab.as_ref().map(|tab| tab.of(self.canonical))
    }

    /// Whether it has a place on the canvas (`x` and `y`); a node without one is a config node,
    /// as Node-RED's own `parseConfig` decides it.
    pub fn is_placed(&self) -> bool {
        self.entry.is_placed
    }

    /// Whether it is switched off: `d` on a node, `disabled` on a tab.
    pub fn is_off(&self) -> bool {
        self.entry.is_off
    }

    /// Its wires: the output, counted from 0, and the id at the other end. What is no list of lists
    /// of ids gives none.
    pub fn wires(&self) -> Wires<'a> {
        let wires = self.entry.wires.clone();
        Wires::new(wires.map_or("", |wires| &self.canonical[wires]))
    }

    /// Its `name` as it is written, if it has one.
    pub(super) fn name_raw(&self) -> Option<&'a str> {
        let name = self.entry.name.clone();
        name.map(|name| &self.canonical[name])
    }

    /// Its canonical JSON text.
    pub fn raw(&self) -> &'a str {
        &self.canonical[self.entry.whole.clone()]
    }

    /// Its properties, parsed.
    pub fn properties(&self) -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_str(self.raw()).unwrap_or_default()
    }

    /// What people call it: its name or label, else its type, cut to 200 characters.
    pub fn label(&self) -> String {
        let text = |value: &Option<Range<usize>>| {
            let value = value.clone()?;
            scan::string(&self.canonical[value]).filter(|text| !text.trim().is_empty())
        };
        let best = text(&self.entry.name).or_else(|| text(&self.entry.label));
        let label = best.unwrap_or(Cow::Borrowed(self.kind()));
        match label.char_indices().nth(200) {
            Some((end, _)) => format!("{}…", &label[..end]),
            None => label.into_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
