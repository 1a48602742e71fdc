import CSystemShims

/// The pages of the program's own file and its libraries' that are in memory.
public enum ProgramPages {
    /// Unmaps them all; those that are used come back from the page cache, 64 KiB at a time. A start reads most of the
    /// tables of symbols and relocations, and code that never runs again: for a small program more than all its data.
    public static func giveBack() { slipway_give_back_program_pages() }
}
