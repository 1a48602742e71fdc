import CSystemShims

/// The memory of this process.
public enum Heap {
    /// Gives what is free back to the system, from every thread's part of the heap: between two large pieces of work, whose
    /// peaks would add up otherwise.
    public static func giveBack() { slipway_trim_heap() }

    /// From now on large pieces go back to the system when they are freed. Left alone, the allocator learns from the first
    /// one freed to keep the next ones, and every thread keeps its own.
    public static func mapLargePieces() { slipway_map_large_pieces() }

    /// All threads that come from now on share `count` heaps; left alone, the allocator makes one for each thread, which keeps
    /// what the thread once needed: only the first is given back whole. For a process that waits; an installation of 10 000
    /// files was not measurably slower by it.
    public static func share(_ count: Int) { slipway_share_heaps(Int32(clamping: count)) }
}
