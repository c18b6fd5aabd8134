//! The exits of a subflow's instance or of a link call: a vertex for each output that something is
//! wired to. The others lead nowhere, and a flow names thousands in a few bytes.

/// The exits of one node.
#[derive(Debug, Clone, Default)]
pub(super) struct Exits {
    first: u32,
    /// The outputs, ascending; the exit of the first is the vertex `first`.
    ports: Vec<u32>,
}

impl Exits {
    /// One for each of `ports`, as vertices from `first`.
    pub(super) fn new(first: u32, mut ports: Vec<u32>) -> Self {
        ports.sort_unstable();
        ports.dedup();
        Self { first, ports }
    }

    /// How many.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.ports.len()).unwrap_or(u32::MAX)
    }

    /// The exit of an output, if anything is wired to it.
    pub(super) fn of(&self, port: u32) -> Option<u32> {
        let place = self.ports.binary_search(&port).ok()?;
        Some(self.first + u32::try_from(place).ok()?)
    }

    /// Every output with its exit.
    pub(super) fn outputs(&self) -> impl Iterator<Item = (u32, u32)> {
        self.ports.iter().copied().zip(self.first..)
    }

    /// Every exit.
    pub(super) fn all(&self) -> impl Iterator<Item = u32> {
        self.first..self.first + self.count()
    }
}
