//! What a profile of the AWS config files says of a deployment, beside its credentials.

use adapters::aws::chain;
use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::{ProfileFileRegionProvider, load};
use aws_types::os_shim_internal::{Env, Fs};

use crate::error::{Advice, Named};

/// The line of a profile that names the deployment's table. It is ours: the AWS CLI and SDKs pass over lines that they do not know.
pub(super) const TABLE_KEY: &str = "orgvue_scim_table";

/// What a profile says.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) table: Option<String>,
    /// Its own, or that of its source profile.
    pub(super) region: Option<String>,
}

/// Reads a profile from the files that the AWS CLI reads too.
pub(super) async fn read(name: &str, named: Named) -> Result<Said, Advice> {
    let option = named.profile_option();
    let profiles = load(&Fs::real(), &Env::real(), &Default::default(), Some(name.to_owned().into())).await;
    let profiles = profiles.map_err(|error| Advice::new(chain(&error), "correct the file"))?;
    let Some(profile) = profiles.get_profile(name) else {
        let next = format!("check {option}, or write the profile into ~/.aws/config");
        return Err(Advice::new(format!("there is no AWS profile {name}"), next));
    };
    let region = ProfileFileRegionProvider::builder().profile_name(name).build().region().await;
    let table = profile.get(TABLE_KEY).filter(|table| !table.trim().is_empty()).map(str::to_owned);
    Ok(Said { table, region: region.map(|region| region.to_string()) })
}
