//! The webhook function: verify, mark, schedule.
