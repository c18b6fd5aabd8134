//! Memory that was used once and is free again.

use crate::kernel;

/// Gives free pages back to the kernel, which the allocator would keep for later; whether there were
/// any. A C library other than glibc does so by itself, and nothing is done. Takes some milliseconds, during which others wait who allocate.
pub fn give_back() -> bool {
    kernel::trim_heap()
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;

    /// Pages of this process that are in memory.
    fn resident() -> usize {
        let pages = std::fs::read_to_string("/proc/self/statm").expect("the kernel tells");
        let resident = pages.split(' ').nth(1).and_then(|it| it.parse().ok());
        resident.expect("a number")
    }

    #[test]
    fn what_is_free_between_what_is_not_is_given_back() {
        const PAGES: usize = 16_384;
        // Small enough to come from the heap, and each eighth one stays.
        let mut held: Vec<_> = (0..PAGES).map(|_| Some(Box::new([1_u8; 4096]))).collect();
        for (at, one) in held.iter_mut().enumerate() {
            if at % 8 != 0 {
                *one = None;
            }
        }
        let before = resident();
        assert!(give_back());
        let given = before.saturating_sub(resident());
        assert!(given > PAGES / 2, "{given} of {before}");
        assert!(held.iter().flatten().all(|one| one[4095] == 1));
    }
}
