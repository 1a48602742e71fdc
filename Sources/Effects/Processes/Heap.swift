import CSystemShims

/// The memory of this process.
public enum Heap {
    /// Gives what is free back to the system, from every thread's part of the heap: between two large pieces of work, whose
    /// peaks would add up otherwise.
    public static func giveBack() { slipway_trim_heap() }
}
