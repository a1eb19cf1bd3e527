use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::assignments::Unreadable;
use crate::{
    FileContent, Manifest,
    folder::{FolderIdentity, Snapshot},
};

const FORMAT: u32 = 1;

/// The objects that were served last, as their own texts.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Form {
    format: u32,
    device: Option<u64>,
    inode: Option<u64>,
    files: BTreeMap<String, Vec<TextForm>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TextForm {
    document: u32,
    first_line: u32,
    text: String,
}

/// The [`Form`] of objects that are there already. Of a cluster's thousands each is put into words when
/// it is its turn.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenForm<'a> {
    format: u32,
    device: Option<u64>,
    inode: Option<u64>,
    files: BTreeMap<&'a str, Vec<Written<'a>>>,
}

struct Written<'a>(&'a Manifest);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (first_line, text) = self.0.written();
        let document = self.0.place.document;
        TextForm { document, first_line, text: text.into_owned() }.serialize(serializer)
    }
}

pub(super) fn to_bytes(snapshot: &Snapshot) -> Vec<u8> {
    let mut files: BTreeMap<&str, Vec<Written<'_>>> = BTreeMap::new();
    for manifest in &snapshot.manifests {
        files.entry(&manifest.place.file).or_default().push(Written(manifest));
    }
    let form = WrittenForm {
        format: FORMAT,
        device: snapshot.folder.map(|folder| folder.device),
        inode: snapshot.folder.map(|folder| folder.inode),
        files,
    };
    // Strings and numbers in a map with string keys: nothing here can fail.
    let mut bytes = serde_json::to_vec_pretty(&form).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

pub(super) fn from_bytes(bytes: &[u8]) -> Result<Snapshot, Unreadable> {
    let form: Form =
        serde_json::from_slice(bytes).map_err(|error| Unreadable::Corrupt(error.to_string()))?;
    if form.format > FORMAT {
        return Err(Unreadable::TooNew { found: form.format, newest: FORMAT });
    }
    let mut manifests: Vec<Manifest> = Vec::new();
    for (file, texts) in &form.files {
        for text in texts {
            let content = FileContent::reread(file, text.document, text.first_line, &text.text);
            manifests.extend(content.manifests);
        }
    }
    manifests.sort_by(|a, b| a.key.cmp(&b.key));
    let folder = form.device.zip(form.inode);
    Ok(Snapshot {
        manifests,
        folder: folder.map(|(device, inode)| FolderIdentity { device, inode }),
        ..Snapshot::default()
    })
}
