//! The sync function: claim, read, decide, apply, record; and the sweep.
