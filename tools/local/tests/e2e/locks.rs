//! A tenant, a dataset and a directory belong to one customer.

use adapters::store::{AfterApply, ApplyError};
use domain::delays::Delays;
use domain::integration::Integration;
use sync::OperateError;

use crate::world::{Customer, User, World, dataset, single};

crate::tests![
    a_tenant_and_a_dataset_belong_to_one_customer_until_it_is_removed,
    of_two_customers_who_name_one_tenant_at_once_one_has_it,
    a_directory_belongs_to_one_customer,
];

/// A customer of this name with this tenant.
fn customer(id: &str, tenant: &str) -> Customer {
    let mut customer = single(tenant);
    customer.id = id.to_owned();
    customer
}

async fn apply(world: &World, file: &str) -> Result<(), ApplyError> {
    let integration = Integration::parse(file).unwrap();
    match world.operator().apply(&integration, file, AfterApply::Wait, &Delays::default()).await {
        Ok(_) => Ok(()),
        Err(OperateError::Apply(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

async fn a_tenant_and_a_dataset_belong_to_one_customer_until_it_is_removed() {
    let mut world = World::in_step(2).await;
    let other = customer("other", "ACME");
    let same_tenant = other.toml().replace(&dataset("ACME"), &dataset("BETA"));
    let same_dataset = customer("other", "BETA").toml().replace(&dataset("BETA"), &dataset("ACME").to_lowercase());
    for (file, what) in [(&same_tenant, "tenant ACME"), (&same_dataset, "dataset")] {
        let error = apply(&world, file).await.unwrap_err().to_string();
        assert!(error.starts_with(what) && error.contains("belongs to the integration acme"), "{error}");
    }
    assert_eq!(world.store().integration_file(&other.integration_id()).await.unwrap(), None);

    world.operator().remove(&world.id()).await.unwrap();
    apply(&world, &other.toml()).await.unwrap();
    let error = apply(&world, &single("ACME").toml()).await.unwrap_err().to_string();
    assert!(error.contains("belongs to the integration other"), "{error}");

    world.workos.add_directory(&other.directory());
    world.customers = vec![other];
    world.add(User::new("p00").in_group("user"));
    let run = world.synced().await;
    assert_eq!(
        (run.held(), world.rows("ACME").len()),
        (vec!["p01 remove new_scope".to_owned()], 2),
        "nothing of the first one's runs counts"
    );
    world.end().await;
}

async fn of_two_customers_who_name_one_tenant_at_once_one_has_it() {
    let world = World::start(single("ACME")).await;
    let (one, other) = (customer("one", "BETA").toml(), customer("other", "BETA").toml());
    let (first, second) = tokio::join!(apply(&world, &one), apply(&world, &other));

    let refused: Vec<_> = [first, second].into_iter().filter_map(Result::err).collect();
    assert!(matches!(refused[..], [ApplyError::TenantTaken { .. }]), "{refused:?}");
    world.end().await;
}

async fn a_directory_belongs_to_one_customer() {
    let world = World::start(single("ACME")).await;
    let other = customer("other", "BETA").toml().replace("directory_01OTHER", &world.directory());
    assert!(matches!(apply(&world, &other).await, Err(ApplyError::DirectoryTaken { .. })));
    world.end().await;
}
