//! Walking the graph, each walk in time linear in what it reaches.

use super::{Edges, Graph, Kind};

/// A walker: keeps its memory from walk to walk.
#[derive(Debug)]
pub(crate) struct Walk<'g, 'f> {
    graph: &'g Graph<'f>,
    /// By vertex: the walk that saw it last, doubled, and one more when it may still go up.
    seen: Vec<u32>,
    turn: u32,
    over_context: bool,
    reached: Vec<u32>,
    /// Edges looked at so far, over all walks.
    pub(crate) steps: usize,
}

impl<'g, 'f> Walk<'g, 'f> {
    pub(crate) fn new(graph: &'g Graph<'f>) -> Self {
        Self {
            seen: vec![0; graph.size()],
            graph,
            turn: 0,
            over_context: false,
            reached: Vec::new(),
            steps: 0,
        }
    }

    /// One that also goes from who sets a name in context to who reads it.
    pub(crate) fn over_context(graph: &'g Graph<'f>) -> Self {
        Self {
            over_context: true,
            ..Self::new(graph)
        }
    }

    /// What the last walk reached, its beginnings included; a vertex may stand twice.
    pub(crate) fn reached(&self) -> &[u32] {
        &self.reached
    }

    /// Goes the way messages go. False when it needed more than `steps_max` steps in all.
    pub(crate) fn forward(&mut self, from: &[u32], steps_max: usize) -> bool {
        self.go(from, steps_max, &self.graph.forward, Kind::Up, Kind::Down)
    }

    /// Goes back to where messages come from.
    pub(crate) fn backward(&mut self, from: &[u32], steps_max: usize) -> bool {
        // Backwards, a way goes out of what it was led down into first.
        self.go(from, steps_max, &self.graph.backward, Kind::Down, Kind::Up)
    }

    /// A way takes edges of the kind `first`, then of the kind `last`, and others at any time.
    fn go(
        &mut self,
        from: &[u32],
        steps_max: usize,
        edges: &'g Edges,
        first: Kind,
        last: Kind,
    ) -> bool {
        self.turn += 1;
        self.reached.clear();
        let free = self.turn * 2 + 1;
        let bound = self.turn * 2;
        let mut waiting: Vec<(u32, u32)> = Vec::with_capacity(from.len());
        for vertex in from {
            self.see(*vertex, free, &mut waiting);
        }
        while let Some((vertex, state)) = waiting.pop() {
            for (to, kind) in edges.of(vertex) {
                self.steps += 1;
                let next = match kind {
                    Kind::Wire | Kind::Event => state,
                    // What is set in a subflow is read wherever it is: the way begins anew.
                    Kind::Context if self.over_context => free,
                    Kind::Pass if self.is_open(vertex, *to) => state,
                    Kind::Context | Kind::Pass => continue,
                    kind if *kind == first && state == free => free,
                    kind if *kind == last => bound,
                    Kind::Up | Kind::Down => continue,
                };
                self.see(*to, next, &mut waiting);
            }
            #[cfg(test)]
            super::tests::STEPS.with(|steps| steps.set(steps.get() + edges.of(vertex).len()));
            if self.steps > steps_max {
                return false;
            }
        }
        true
    }

    /// Of the two ends of a passage, the exit knows whether it is open; nodes always are.
    fn is_open(&self, one: u32, other: u32) -> bool {
        let is_open = |vertex: u32| {
            self.graph
                .is_open
                .get(vertex as usize)
                .copied()
                .unwrap_or(false)
        };
        is_open(one) && is_open(other)
    }

    fn see(&mut self, vertex: u32, state: u32, waiting: &mut Vec<(u32, u32)>) {
        if let Some(seen) = self.seen.get_mut(vertex as usize)
            && *seen < state
        {
            *seen = state;
            self.reached.push(vertex);
            waiting.push((vertex, state));
        }
    }
}
