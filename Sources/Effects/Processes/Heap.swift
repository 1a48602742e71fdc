import CSystemShims

/// The memory of this process.
public enum Heap {
    /// Gives what is free back to the system, from every thread's part of the heap: between two large pieces of work, whose
    /// peaks would add up otherwise.
    public static func giveBack() { slipway_trim_heap() }

    /// From now on large pieces go back to the system when they are freed. Left alone, the allocator learns from the first
    /// one freed to keep the next ones, and every thread keeps its own.
    public static func mapLargePieces() { slipway_map_large_pieces() }
}
