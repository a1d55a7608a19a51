//! WorkOS and Orgvue stand-in servers over in-memory models.
