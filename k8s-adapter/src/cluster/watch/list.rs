use kube::{
    Error,
    api::{ListParams, Request},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;

use super::{Follower, Version, is_gone, told};
use crate::cluster::object::Object;

/// How many objects a page has: what a server sends at once it must also hold at once.
const PAGE: u32 = 500;

#[derive(Deserialize)]
struct Page {
    metadata: PageMetadata,
    #[serde(default)]
    items: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMetadata {
    #[serde(default)]
    resource_version: String,
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

impl Follower {
    /// All objects, and the version that the list is of. As the store has them now, not as a cache
    /// had them once: addresses are handed out by what it says.
    pub(super) async fn list(&self) -> Result<(Vec<Object>, Version), String> {
        match self.list_pages(Some(PAGE)).await {
            // The pages took so long that the server forgot where they began.
            Err(error) if is_gone(&error) => self.list_pages(None).await,
            result => result,
        }
        .map_err(|error| match error {
            Error::Api(status) if status.is_not_found() && self.target.kind.is_metallb() => {
                format!(
                    "this cluster has no {}: install the CRDs (vipcast crds | kubectl apply -f -)",
                    self.target.kind
                )
            }
            error => told(&error),
        })
    }

    async fn list_pages(&self, limit: Option<u32>) -> Result<(Vec<Object>, Version), Error> {
        let mut params = ListParams {
            label_selector: self.target.labels.map(str::to_owned),
            field_selector: self.target.fields.map(str::to_owned),
            limit,
            ..ListParams::default()
        };
        let mut objects = Vec::new();
        loop {
            let request =
                Request::new(&self.target.path).list(&params).map_err(Error::BuildRequest)?;
            let answer = timeout(self.timing.page, self.client.request::<Page>(request)).await;
            let page = answer.map_err(|_| Error::Service("the list took too long".into()))??;
            for mut value in page.items.unwrap_or_default() {
                objects.extend(Object::read(self.target.kind, &mut value));
            }
            match page.metadata.next.filter(|next| !next.is_empty()) {
                Some(next) => params.continue_token = Some(next),
                None => return Ok((objects, Version::new(&page.metadata.resource_version))),
            }
        }
    }
}
