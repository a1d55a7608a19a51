//! A tenant with more accounts than Orgvue returns at once.

use domain::run::Status;
use standins::orgvue::ExportEnd;

use crate::world::{GET_ITEMS, World, single};

const EXPORT: &str = "POST /api/v1/{tenant}/datasets/{dataset}/export";

crate::tests![a_tenant_beyond_the_synchronous_read_is_synced, a_large_tenant_that_cannot_be_exported_is_refused_until_it_can];

async fn a_tenant_beyond_the_synchronous_read_is_synced() {
    let world = World::start(single("ACME")).await;
    world.orgvue.switches(|switches| switches.sync_read_bytes_max = Some(2_000));
    world.arrive(0..40);
    let run = world.asked().await;
    assert_eq!((run.status, run.created().len()), (Status::Applied, 40));

    world.depart(0..2);
    world.joins("p02", "Retail");
    let run = world.asked().await;
    assert_eq!((run.removed(), run.updated()), (vec!["p00", "p01"], vec!["p02"]));
    assert_eq!((world.rows("ACME").len(), &*world.rows("ACME")[0]), (38, "p02 Retail,user"));

    let puts = world.puts();
    let run = world.asked().await;
    assert_eq!((run.status, run.tenants[0].unchanged, world.puts()), (Status::Applied, 38, puts), "nothing is planned");
    // A metadata, a read in vain, the order of the export, two looks at its ticket and its result.
    assert_eq!(run.orgvue_calls, 6);
    assert_eq!((world.orgvue.calls().of(GET_ITEMS), world.orgvue.calls().of(EXPORT)), (3, 2));
    world.end().await;
}

async fn a_large_tenant_that_cannot_be_exported_is_refused_until_it_can() {
    let world = World::in_step(3).await;
    world.orgvue.switches(|switches| (switches.sync_read_bytes_max, switches.export_end) = (Some(100), ExportEnd::Refused));
    world.arrive(3..4);
    world.poke().await;
    let run = world.run_where("refused", |run| run.status == Status::Refused).await;
    let error = run.tenant("ACME").error.clone().unwrap_or_default();
    assert_eq!(run.tenant("ACME").code.as_deref(), Some("dataset_too_large"));
    assert!(error.contains("its export was refused: orgvue answered 403") && error.contains("let the api_account export"), "{error}");

    world.orgvue.switches(|switches| switches.export_end = ExportEnd::Completed);
    world.settled().await;
    assert_eq!(world.rows("ACME").len(), 4);
    world.end().await;
}
