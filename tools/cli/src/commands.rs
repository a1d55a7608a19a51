//! The commands. Each reads or does, and returns an [`Answer`](crate::output::Answer); nothing is shown but here.

mod asked;
mod check;
mod completions;
mod decide;
mod doctor;
mod erase;
mod events;
mod explain;
pub(crate) mod files;
mod finding_text;
mod findings;
mod fleet;
mod held;
mod integration;
mod last_read;
mod modes;
mod plan;
mod restore;
mod run_text;
mod runs;
mod standing;
mod status;
mod stop;
mod switch;
mod sync;
mod wait;

use crate::args::{Command, DiffArgs, IntegrationCommand, RunCommand};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Exit, Screen};

/// Does what was asked, and shows the answer.
pub(crate) async fn run(command: Command, cx: &Context, screen: &Screen) -> Result<Exit, CliError> {
    match command {
        Command::Integration(command) => match command {
            IntegrationCommand::Validate(args) => screen.show(&integration::validate(&args)?),
            IntegrationCommand::Apply(args) => screen.show(&integration::apply(cx, &args).await?),
            IntegrationCommand::List => screen.show(&integration::list(cx).await?),
            IntegrationCommand::Show(args) => screen.show(&integration::show(cx, &args).await?),
            IntegrationCommand::Diff(DiffArgs::File(file)) => screen.show(&integration::diff(cx, &file).await?),
            IntegrationCommand::Diff(DiffArgs::Deployments(args)) => screen.show(&integration::compare(cx, &args).await?),
            IntegrationCommand::Remove(args) => screen.show(&integration::remove(cx, &args).await?),
        },
        Command::Check(args) => screen.show(&check::check(cx, &args).await?),
        Command::Plan(args) => screen.show(&plan::plan(cx, &args).await?),
        Command::Sync(args) => screen.show(&sync::sync(cx, &args).await?),
        Command::Runs(args) => screen.show(&runs::list(cx, &args).await?),
        Command::Run(RunCommand::Show { run }) => screen.show(&runs::show(cx, &run).await?),
        Command::Findings(args) => {
            let findings = findings::findings(cx, &args.which).await?;
            if args.csv { screen.show_as(&findings.csv()?, &findings) } else { screen.show(&findings) }
        }
        Command::Explain(args) => screen.show(&explain::explain(cx, &args).await?),
        Command::Held(args) => screen.show(&held::held(cx, args.id.as_ref()).await?),
        Command::Approve(args) => screen.show(&decide::approve(cx, &args).await?),
        Command::Reject(args) => screen.show(&decide::reject(cx, &args).await?),
        Command::Pause(args) => screen.show(&switch::pause(cx, &args).await?),
        Command::Resume(args) => screen.show(&switch::resume(cx, &args).await?),
        Command::Restore(args) => screen.show(&restore::restore(cx, &args).await?),
        Command::Erase(args) => screen.show(&erase::erase(cx, &args).await?),
        Command::Events(args) => screen.show(&events::events(cx, &args).await?),
        Command::Status(args) => screen.show(&status::status(cx, args.id.as_ref()).await?),
        Command::Doctor => screen.show(&doctor::doctor(cx).await),
        Command::Completions { shell } => screen.print(&completions::script(shell)).map(|()| Exit::Done),
    }
}
