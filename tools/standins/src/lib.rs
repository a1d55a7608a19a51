//! WorkOS and Orgvue stand-in servers over in-memory models.
//!
//! Both are real HTTP servers on the loopback interface that behave as the vendors are documented to: the same routes,
//! checks, error bodies, limits and odd corners. Where nobody documents a behaviour it is a switch, and the default is
//! the reading that is hardest on a client. Faults are scripted per request ([`Fault`]), and every call is counted
//! ([`Calls`]).
//!
//! The crate shares no code with the rest of the workspace, so that a misreading of a vendor cannot cancel out.
//!
//! ```
//! # async fn run() -> std::io::Result<()> {
//! use standins::workos::{Options, UserSpec, WorkOs};
//!
//! let workos = WorkOs::start(Options::default()).await?;
//! workos.add_directory("directory_01EXAMPLE");
//! workos.put_user("directory_01EXAMPLE", UserSpec::new("42", "ada@example.com"));
//! workos.put_group("directory_01EXAMPLE", "Engineering");
//! workos.add_member("directory_01EXAMPLE", "Engineering", "42");
//! println!("GET {}/directory_users?directory=directory_01EXAMPLE&order=asc", workos.url());
//! # Ok(())
//! # }
//! ```

mod calls;
mod control;
mod faults;
mod gate;
mod ids;
mod limits;
mod server;
mod store;
mod wire;

pub mod orgvue;
pub mod workos;

pub use calls::Calls;
pub use faults::{Fault, FaultKind, Matcher, Nth};
