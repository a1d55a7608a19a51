//! What may happen to a customer within some hours, thrown by dice: to the directory, to its events, to Orgvue, to the functions, to their clocks,
//! to the services that they call, and [by people's hands](crate::person).

use futures::future::join;
use local::system::QUEUE;
use serde_json::json;
use standins::workos::UserSpec;

use crate::dice::Dice;
use crate::stage::{Outgoing, Stage};
use crate::weather::{Passing, storm_of};
use crate::wire::{Kill, Side};
use crate::words::{account, email};

pub(crate) const NAMES: [&str; 8] = ["ada", "bob", "cy", "di", "ed", "flo", "gus", "hal"];
const ROLES: [&str; 4] = ["user", "admin", "Retail", "Tech"];
/// Calls at which another thing may happen meanwhile. No write to Orgvue is among them: a request that hangs for longer than its time is given up.
const HELD: [&str; 9] =
    ["directory_users", "directory_groups", "directories", "/items", "GetItem", "Query", "UpdateItem", "PutItem", "SendMessage"];
/// How often a change is thrown that cannot be made.
const TRIES: usize = 8;
const MINUTE_MS: i64 = 60_000;
/// Fewer things than so many come about before the next one happens.
const STEPS: u64 = 9;
/// Farthest that a clock goes wrong.
const SKEW_MS: u64 = 60_000;

/// One history on a stage.
pub(crate) struct History<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) dice: Dice,
    pub(crate) told: Vec<String>,
    /// Whether a person may add an account that a run is about to create. Where Orgvue takes a login twice, there are two then, and only a person
    /// can tell which is to go.
    adds_in_mid_run: bool,
    /// Whether things happen that no event tells of: only a look for drift finds them.
    pub(crate) is_silent: bool,
}

impl<'a> History<'a> {
    pub(crate) fn new(stage: &'a Stage, mut dice: Dice) -> Self {
        let (adds_in_mid_run, is_silent) = (dice.percent(50), dice.percent(50));
        stage.orgvue.switches(|switches| switches.duplicate_logins = !adds_in_mid_run);
        stage.play().may_be_lost = is_silent;
        stage.play().n_told = stage.workos.emitted().len();
        stage.note_desired();
        let steady = stage.steady();
        stage.play().steady = Some(steady);
        Self { stage, dice, told: Vec::new(), adds_in_mid_run, is_silent }
    }

    /// Something happens that is a story by itself, while nothing else goes wrong; everything is in step before. Of five seeds each has its own, so
    /// that every customer meets all of them.
    pub(crate) async fn an_episode(&mut self, seed: u64) {
        match seed % 5 {
            0 => Box::pin(self.a_bad_run_is_put_back()).await,
            1 => Box::pin(self.the_customer_moves()).await,
            _ => Box::pin(self.something_is_decided()).await,
        }
    }

    /// The next thing happens.
    pub(crate) async fn goes_on(&mut self) {
        self.stage.play().is_calm = false;
        match self.dice.below(100) {
            0..27 => (0..=self.dice.below(3)).for_each(|_| self.the_directory_changes()),
            27..34 if self.is_silent => self.a_person_edits(),
            27..34 => self.the_directory_changes(),
            34..42 => self.a_process_will_die(),
            42..55 => self.something_will_happen_in_mid_call(),
            55..63 => self.the_weather_changes(),
            63..66 => self.something_is_lost(),
            66..72 => self.two_at_once().await,
            72..82 => self.an_operator_acts().await,
            82..88 => self.the_file_changes().await,
            88..92 => self.a_run_is_put_back().await,
            92..96 => self.the_directory_goes_or_comes_back().await,
            96..98 => self.sweeps_are_missed(),
            _ => self.time_passes(),
        }
        let silence = self.stage.silence().await;
        for _ in 0..self.dice.below(STEPS) {
            self.stage.play().skew_ms = self.skew();
            self.stage.step().await;
        }
        if let (Some(before), Some(now)) = (silence, self.stage.silence().await) {
            before.assert_kept(&now);
        }
        self.stage.play().skew_ms = 0;
    }

    pub(crate) fn tell(&mut self, what: String) {
        let at = self.stage.wire.n_calls();
        self.told.push(format!("{at:>4} {what}"));
    }

    /// Now and then a clock is wrong.
    fn skew(&mut self) -> i64 {
        if self.dice.percent(75) { 0 } else { self.dice.below(2 * SKEW_MS).cast_signed() - SKEW_MS.cast_signed() }
    }

    pub(crate) fn the_directory_changes(&mut self) {
        let told = change_directory(self.stage, &mut self.dice);
        self.tell(told);
        self.events_go_out();
    }

    /// Each may be lost, delayed, come twice and overtake others.
    pub(crate) fn events_go_out(&mut self) {
        let emitted = self.stage.workos.emitted();
        let n_told = std::mem::replace(&mut self.stage.play().n_told, emitted.len());
        for event in &emitted[n_told..] {
            if self.is_silent && self.dice.percent(10) {
                self.tell("an event is lost".to_owned());
                continue;
            }
            for _ in 0..=u64::from(self.dice.percent(15)) {
                let delay_ms = if self.dice.percent(50) { 0 } else { self.dice.below(600_000).cast_signed() };
                let outgoing = Outgoing { event: event.clone(), due_ms: self.stage.now_ms() + delay_ms, n_sent: 0 };
                self.stage.play().outbox.push(outgoing);
            }
        }
    }

    fn a_person_edits(&mut self) {
        let told = edit_orgvue(self.stage, &mut self.dice, true);
        self.tell(told);
    }

    fn a_process_will_die(&mut self) {
        let at = self.stage.wire.n_calls() + 1 + self.dice.below(45) as usize;
        let side = if self.dice.percent(50) { Side::Before } else { Side::After };
        self.stage.wire.kill(Kill { at, side });
        self.tell(format!("dies {side:?} call {at}"));
    }

    /// The directory changes, a person edits, or the run hangs while the clock and others go on.
    fn something_will_happen_in_mid_call(&mut self) {
        let operation = *self.dice.one_of(&HELD);
        let mut dice = self.dice.fork();
        match self.dice.below(10) {
            0..4 => {
                self.stage.at_the_call(operation, move |stage| {
                    for _ in 0..=dice.below(3) {
                        change_directory(stage, &mut dice);
                    }
                    if !stage.is_away() {
                        stage.tells();
                    }
                });
                self.tell(format!("the directory will change at {operation}"));
            }
            4 | 5 if self.is_silent => {
                let adds = self.adds_in_mid_run;
                self.stage.at_the_call(operation, move |stage| drop(edit_orgvue(stage, &mut dice, adds)));
                self.tell(format!("a person will edit at {operation}"));
            }
            6 => {
                self.stage.at_the_call(operation, move |stage| {
                    stage.directory_goes(&mut dice);
                });
                self.tell(format!("the directory will go at {operation}"));
            }
            7 | 8 => {
                let is_silent = self.is_silent;
                self.stage.meanwhile_of(operation, Box::new(move |stage| Box::pin(people_act(stage, dice, is_silent))));
                self.tell(format!("people will act at {operation}"));
            }
            _ => {
                let hangs_ms = 20_000 + dice.below(300_000).cast_signed();
                let n_steps = dice.below(6);
                self.stage.meanwhile_of(operation, Box::new(move |stage| Box::pin(hangs(stage, hangs_ms, n_steps))));
                self.tell(format!("{operation} will hang for {hangs_ms} ms"));
            }
        }
    }

    /// From now on calls fail now and then; often for some time.
    fn the_weather_changes(&mut self) {
        if self.dice.percent(30) {
            self.stage.wire.weather(None);
            return self.tell("the weather is fine".to_owned());
        }
        let mut dice = self.dice.fork();
        let (chance, longest) = (*self.dice.one_of(&[3, 10, 30]), *self.dice.one_of(&[1, 3, 12]));
        let mut storm: Option<(String, u64)> = None;
        let weather = move |passing: &Passing<'_>| {
            let service = &passing.call.service;
            match &mut storm {
                Some((of, left)) if *left > 0 && of == service => *left -= 1,
                Some((_, left)) if *left > 0 => return None,
                _ if dice.percent(chance) => storm = Some((service.clone(), dice.below(longest))),
                _ => return None,
            }
            Some(storm_of(service, &mut dice))
        };
        self.stage.wire.weather(Some(Box::new(weather)));
        self.tell(format!("{chance} of 100 calls fail, {longest} in a row at most"));
    }

    fn something_is_lost(&mut self) {
        match self.dice.below(if self.is_silent { 3 } else { 2 }) {
            0 => {
                self.stage.scheduler.lose_all();
                self.tell("schedules are lost".to_owned());
            }
            1 => {
                let Some(taken) = self.stage.sqs.take(QUEUE) else { return };
                self.stage.sqs.delete(&taken);
                self.tell("a message is lost".to_owned());
            }
            _ => {
                let lost = self.stage.play().outbox.pop();
                self.tell(format!("WorkOS gives up: {}", lost.is_some()));
            }
        }
    }

    /// Two processes have messages to handle at the same time.
    async fn two_at_once(&mut self) {
        if self.stage.sqs.depth(QUEUE).visible == 0 {
            self.stage.ask().await;
        }
        let Some(one) = self.stage.sqs.take(QUEUE) else { return };
        if self.stage.sqs.next_visible_at(QUEUE).is_none_or(|at| at.as_millisecond() > self.stage.now_ms()) {
            self.stage.ask().await;
        }
        let Some(other) = self.stage.sqs.take(QUEUE) else { return };
        self.stage.wire.hold_none();
        self.tell("two at once".to_owned());
        join(self.stage.deliver(&self.stage.sync, one), self.stage.deliver(&self.stage.beside, other)).await;
    }

    fn sweeps_are_missed(&mut self) {
        let minutes = 1 + self.dice.below(30).cast_signed();
        self.stage.play().next_sweep_ms += minutes * MINUTE_MS;
        self.tell(format!("{minutes} sweeps are missed"));
    }

    fn time_passes(&mut self) {
        let minutes = 1 + self.dice.below(90).cast_signed();
        self.stage.later(minutes * MINUTE_MS);
        self.tell(format!("{minutes} minutes pass"));
    }
}

/// The process hangs in a call; the clock and the others go on.
async fn hangs(stage: &Stage, ms: i64, n_steps: u64) {
    stage.later(ms);
    stage.play().is_frozen = true;
    for _ in 0..n_steps {
        stage.step().await;
    }
    stage.play().is_frozen = false;
}

/// People do something about a run at work, or about one that has hung for long.
async fn people_act(stage: &Stage, mut dice: Dice, is_silent: bool) {
    if stage.play().is_calm {
        return;
    }
    if dice.percent(50) {
        stage.later(dice.below(300_000).cast_signed());
    }
    match dice.below(4) {
        0 => drop(stage.decide(&mut dice).await),
        1 => {
            stage.puts_back(&mut dice).await;
            stage.ask().await;
        }
        _ => drop(stage.file_changes(&mut dice, is_silent).await),
    }
}

/// One change of the directory, unless it is away. `root` stays as it is, for somebody has to be the administrator.
fn change_directory(stage: &Stage, dice: &mut Dice) -> String {
    if stage.is_away() {
        return String::new();
    }
    let told = (0..TRIES).find_map(|_| change_once(stage, dice));
    stage.note_desired();
    told.unwrap_or_default()
}

fn change_once(stage: &Stage, dice: &mut Dice) -> Option<String> {
    let census = stage.census();
    let directory = stage.directory();
    let name = *dice.one_of(&NAMES);
    let file = stage.file();
    let role = *dice.one_of(&ROLES);
    let ours = dice.one_of(&file.groups_ever(role)).clone();
    let renamed = format!("Former_{ours}");
    let put = |email: &str| drop(stage.workos.put_user(&directory, UserSpec::new(name, email)));
    let joins = |group: &str| stage.workos.add_member(&directory, group, name);
    let person = census.users.get(name);
    let address = person.and_then(|person| person.email.clone()).unwrap_or_else(|| email(name));
    let kept = ours.ends_with("admin");
    let mut of_its_own = census.groups.iter().filter(|(_, group)| group.members.contains(name)).map(|(name, _)| name);
    let told = match (dice.below(14), person) {
        // The address of somebody else, in whichever group that one is.
        (12, _) => {
            let other = *dice.one_of(&NAMES);
            put(&census.users.get(other).and_then(|other| other.email.clone()).unwrap_or_else(|| email(other)));
            format!("{name} has the address of {other}")
        }
        (13, Some(_)) => {
            let nobody = UserSpec { email: None, ..UserSpec::new(name, "") };
            stage.workos.put_user(&directory, nobody);
            format!("{name} has no address")
        }
        (0..=4, None) => {
            put(&address);
            joins(&file.groups_ever("user")[0]);
            joins(&ours);
            format!("{name} joins {ours}")
        }
        (0 | 1, Some(_)) => {
            stage.workos.remove_user(&directory, name);
            format!("{name} leaves")
        }
        (2, Some(person)) if person.is_active() => {
            stage.workos.deactivate_user(&directory, name);
            format!("{name} is deactivated")
        }
        (3, Some(_)) => {
            let number = dice.below(3);
            put(&format!("{name}.{number}@acme.com"));
            format!("{name} has the address of number {number}")
        }
        (4, Some(_)) => {
            put(&address.to_uppercase());
            format!("{name} has an address in upper case")
        }
        (5, Some(_)) => {
            stage.workos.remove_user(&directory, name);
            stage.note_desired();
            put(&address);
            joins(&ours);
            format!("{name} leaves and comes again to {ours}")
        }
        (6 | 7, Some(_)) => match of_its_own.next_back() {
            Some(group) => {
                stage.workos.remove_member(&directory, group, name);
                format!("{name} quits {group}")
            }
            None => return None,
        },
        (8 | 9, _) if census.groups.contains_key(&renamed) && !census.groups.contains_key(&ours) => {
            stage.workos.rename_group(&directory, &renamed, &ours);
            format!("{renamed} is {ours} again")
        }
        (8, _) if census.groups.contains_key(&ours) && !census.groups.contains_key(&renamed) && !kept => {
            stage.workos.rename_group(&directory, &ours, &renamed);
            format!("{ours} is {renamed}")
        }
        (9, _) if census.groups.contains_key(&ours) && !kept => {
            stage.workos.remove_group(&directory, &ours);
            format!("{ours} is deleted")
        }
        (_, Some(_)) => {
            joins(&ours);
            format!("{name} joins {ours}")
        }
        (_, None) => return None,
    };
    Some(told)
}

/// A person edits the Users list, or adds to it.
fn edit_orgvue(stage: &Stage, dice: &mut Dice, adds: bool) -> String {
    stage.play().consent.accounts_change();
    let tenants: Vec<String> = stage.customers()[0].tenants().map(str::to_owned).collect();
    let tenant = dice.one_of(&tenants).as_str();
    let (name, role) = (*dice.one_of(&["root", "ada", "bob", "cy", "di", "ed", "flo", "ghost"]), *dice.one_of(&ROLES));
    let rows = stage.orgvue.rows(tenant);
    let is_theirs = |login: &&str| login.split(['@', '.']).next().is_some_and(|first| first.eq_ignore_ascii_case(name));
    let login = rows.iter().filter_map(|row| row["Login"].as_str()).find(is_theirs);
    match (login, dice.below(4)) {
        (None, _) if !adds => {}
        (None, _) => drop(stage.orgvue.insert_row(tenant, account(&email(name), role))),
        (Some(login), 0) => stage.orgvue.delete_row(tenant, login),
        (Some(login), 1) => stage.orgvue.edit(tenant, login, |row| row["Enabled"] = json!(false)),
        (Some(login), 2) => stage.orgvue.edit(tenant, login, |row| row["Role"] = json!(null)),
        (Some(login), _) => stage.orgvue.edit(tenant, login, |row| row["Role"] = json!(format!("{role}, Tech"))),
    }
    format!("a person edits {name} in {tenant}")
}
