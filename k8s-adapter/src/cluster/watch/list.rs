use std::{borrow::Cow, fmt};

use kube::{
    Error,
    api::{ListParams, Request},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use tokio::time::timeout;

use super::{Follower, Version, is_gone, told};
use crate::{cluster::object::Object, kinds::Kind};

/// How many objects a page has: what a server sends at once it must also hold at once.
const PAGE: u32 = 500;

/// A page of a list. Its objects are read one by one: as JSON each takes ten times what is kept of it.
struct Page {
    metadata: PageMetadata,
    objects: Vec<Object>,
}

impl Page {
    fn read(kind: Kind, text: &str) -> serde_json::Result<Self> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let page = PageSeed(kind).deserialize(&mut reader)?;
        reader.end()?;
        Ok(page)
    }
}

struct PageSeed(Kind);

impl<'de> DeserializeSeed<'de> for PageSeed {
    type Value = Page;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Page, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PageSeed {
    type Value = Page;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Page, A::Error> {
        let (mut metadata, mut objects) = (None, Vec::new());
        while let Some(field) = map.next_key::<Cow<'de, str>>()? {
            match &*field {
                "metadata" => metadata = Some(map.next_value()?),
                "items" => objects = map.next_value_seed(ItemsSeed(self.0))?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        let metadata = metadata.ok_or_else(|| A::Error::missing_field("metadata"))?;
        Ok(Page { metadata, objects })
    }
}

struct ItemsSeed(Kind);

impl<'de> DeserializeSeed<'de> for ItemsSeed {
    type Value = Vec<Object>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Object>, D::Error> {
        // An empty list may be `null`.
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for ItemsSeed {
    type Value = Vec<Object>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "objects of kind {}", self.0)
    }

    fn visit_none<E>(self) -> Result<Vec<Object>, E> {
        Ok(Vec::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Object>, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Object>, A::Error> {
        let mut objects = Vec::new();
        while let Some(mut item) = items.next_element::<Value>()? {
            objects.extend(Object::read(self.0, &mut item));
        }
        Ok(objects)
    }
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
            Error::Api(status)
                if status.is_not_found()
                    && self.target.kind.api_version().starts_with("metallb.io/") =>
            {
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
            let answer = timeout(self.timing.page, self.client.request_text(request)).await;
            let text = answer.map_err(|_| Error::Service("the list took too long".into()))??;
            let page = Page::read(self.target.kind, &text).map_err(Error::SerdeError)?;
            objects.extend(page.objects);
            match page.metadata.next.filter(|next| !next.is_empty()) {
                Some(next) => params.continue_token = Some(next),
                None => return Ok((objects, Version::new(&page.metadata.resource_version))),
            }
        }
    }
}
