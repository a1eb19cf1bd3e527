//! The text of one file as objects and findings.

use std::sync::Arc;

use serde::Deserialize;

use crate::{
    Diagnostic, Manifest, Place, Problem, Severity,
    document::{self, Document},
    kinds::{ConfigMap, Key, Kind, Metadata, Resource, known_fields},
    manifest::diagnose,
    positions::{self, Positions},
};

/// What one file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileContent {
    /// The objects that could be read.
    pub manifests: Vec<Manifest>,
    /// What was found on the way: refusals, unknown fields, kinds that are skipped.
    pub diagnostics: Vec<Diagnostic>,
    /// The documents that could not be read: the object that each of them is, where that much can
    /// be told.
    pub(crate) broken: Vec<Option<Key>>,
}

impl FileContent {
    /// Reads the text of a file: one or several YAML documents, or JSON; a `List` stands for its
    /// items. What is wrong with one object does not stop the others.
    #[must_use]
    pub fn read(file: &str, text: &str) -> Self {
        let mut out = Self::default();
        let file: Arc<str> = file.into();
        for document in document::split(text) {
            out.read_document(&file, &document);
        }
        out
    }

    /// Reads one object again that was read before, as [`Manifest::text`] gave it.
    pub(crate) fn reread(file: &str, number: u32, first_line: u32, text: &str) -> Self {
        let mut out = Self::default();
        let document = Document { number, first_line, text: text.to_owned() };
        out.read_document(&file.into(), &document);
        out
    }

    /// A file that is there and cannot be read.
    pub(crate) fn unreadable(file: &str, problem: Problem) -> Self {
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            place: Place::file(file),
            object: None,
            field: None,
            problem,
        };
        Self { manifests: Vec::new(), diagnostics: vec![diagnostic], broken: vec![None] }
    }

    fn read_document(&mut self, file: &Arc<str>, document: &Document) {
        let (positions, items) = Positions::of(&document.text, document.first_line);
        let head = match parse::<Head>(&document.text) {
            Ok((head, _)) => head,
            Err(error) => return self.refuse(file, document, &positions, None, &error),
        };
        if head.kind.as_deref() != Some("List") || head.api_version.as_deref() != Some("v1") {
            return self.read_object(file, document, positions, head);
        }
        for range in items {
            let item = item(document, range);
            let (positions, _) = Positions::of(&item.text, item.first_line);
            match parse::<Head>(&item.text) {
                Ok((head, _)) => self.read_object(file, &item, positions, head),
                Err(error) => self.refuse(file, &item, &positions, None, &error),
            }
        }
    }

    fn read_object(
        &mut self,
        file: &Arc<str>,
        document: &Document,
        positions: Positions,
        head: Head,
    ) {
        let (line, column) = positions.of_value("");
        let place = Place { file: file.clone(), document: document.number, line, column };
        let mut say = |severity, field: Option<&str>, object: Option<String>, problem| {
            let (line, column) = positions.of_value(field.unwrap_or_default());
            let place = Place { line, column, ..place.clone() };
            let field = field.map(str::to_owned);
            self.diagnostics.push(Diagnostic { severity, place, object, field, problem });
        };
        let (Some(api_version), Some(kind_name)) = (&head.api_version, &head.kind) else {
            say(Severity::Error, None, None, Problem::NoKind);
            self.broken.push(None);
            return;
        };
        let kind = match classify(api_version, kind_name) {
            Class::Read(kind) => kind,
            Class::Left(severity, problem) => {
                let field = match problem {
                    Problem::UnknownVersion { .. } => "apiVersion",
                    _ => "kind",
                };
                say(severity, Some(field), None, problem);
                if severity == Severity::Error {
                    self.broken.push(None);
                }
                return;
            }
        };
        let name = head.metadata.as_ref().map_or("", |metadata| &metadata.name);
        if name.is_empty() {
            say(Severity::Error, Some("metadata"), Some(kind.to_string()), Problem::NoName);
            self.broken.push(None);
            return;
        }
        // A folder may hold those of whatever runs in the cluster.
        if kind == Kind::ConfigMap && name != ConfigMap::EXCLUDED_LINKS {
            let kind = kind.name().to_owned();
            let problem = Problem::UnknownKind { api_version: "v1".into(), kind, similar: None };
            say(Severity::Notice, Some("kind"), None, problem);
            return;
        }
        match parse_kind(kind, &document.text) {
            Ok((resource, ignored)) => {
                let key = resource.key();
                for (field, name) in
                    [("metadata.name", &key.name), ("metadata.namespace", &key.namespace)]
                {
                    if !name.is_empty() && !is_dns_name(name) {
                        say(
                            Severity::Error,
                            Some(field),
                            Some(kind.to_string()),
                            Problem::BadName { name: name.clone() },
                        );
                        self.broken.push(None);
                        return;
                    }
                }
                for field in ignored {
                    if let Some(problem) = unknown_field(kind, &field) {
                        let diagnostic =
                            diagnose(&key, &place, &positions, Severity::Warning, &field, problem);
                        self.diagnostics.push(diagnostic);
                    }
                }
                self.manifests.push(Manifest {
                    key,
                    resource: Arc::new(resource),
                    place,
                    text: document.text.as_str().into(),
                    first_line: document.first_line,
                    positions: Arc::new(positions),
                });
            }
            Err(error) => {
                let key = head.key(kind);
                self.refuse(file, document, &positions, Some(key), &error);
            }
        }
    }

    fn refuse(
        &mut self,
        file: &Arc<str>,
        document: &Document,
        positions: &Positions,
        key: Option<Key>,
        error: &serde_saphyr::Error,
    ) {
        let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let (line, column) = error.location().map_or((document.first_line, 0), |location| {
            let line = narrow(location.line()).saturating_sub(1) + document.first_line;
            (line, narrow(location.column()))
        });
        self.diagnostics.push(Diagnostic {
            severity: Severity::Error,
            place: Place { file: file.clone(), document: document.number, line, column },
            object: key.as_ref().map(Key::to_string),
            field: positions.field_at((line, column)).map(str::to_owned),
            problem: Problem::Malformed { why: message(error) },
        });
        self.broken.push(key);
    }
}

/// As much of an object as tells its kind and name.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    api_version: Option<String>,
    kind: Option<String>,
    metadata: Option<HeadMetadata>,
}

#[derive(Debug, Default, Deserialize)]
struct HeadMetadata {
    #[serde(default)]
    name: String,
    namespace: Option<String>,
}

impl Head {
    fn key(self, kind: Kind) -> Key {
        let metadata = self.metadata.unwrap_or_default();
        let namespace = match metadata.namespace {
            _ if !kind.is_namespaced() => String::new(),
            Some(namespace) if !namespace.is_empty() => namespace,
            _ if kind.is_metallb() => String::new(),
            _ => Metadata::DEFAULT_NAMESPACE.to_owned(),
        };
        Key { kind, namespace, name: metadata.name }
    }
}

/// The text of a list's item as a document of its own, lines and columns as in the file.
fn item(document: &Document, range: std::ops::Range<usize>) -> Document {
    let before = document.text.get(..range.start).unwrap_or_default();
    let text = document.text.get(range).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let lines = before.bytes().filter(|byte| *byte == b'\n').count();
    let column = before.get(line_start..).unwrap_or_default().chars().count();
    Document {
        number: document.number,
        first_line: document.first_line + u32::try_from(lines).unwrap_or(u32::MAX),
        text: format!("{:column$}{text}", ""),
    }
}

fn parse<T: for<'de> Deserialize<'de>>(
    text: &str,
) -> Result<(T, Vec<String>), serde_saphyr::Error> {
    // Kubernetes refuses a number or a truth value where a text is wanted; so does `no_schema`.
    let options = serde_saphyr::options! { with_snippet: false, no_schema: true };
    let mut ignored = Vec::new();
    let value = serde_saphyr::with_deserializer_from_str_with_options(text, options, |yaml| {
        serde_ignored::deserialize(yaml, |path| ignored.push(positions::from_ignored(&path)))
    })?;
    Ok((value, ignored))
}

fn parse_kind(kind: Kind, text: &str) -> Result<(Resource, Vec<String>), serde_saphyr::Error> {
    match kind {
        Kind::IpAddressPool => parse_as(Resource::IpAddressPool, text),
        Kind::L2Advertisement => parse_as(Resource::L2Advertisement, text),
        Kind::Service => parse_as(Resource::Service, text),
        Kind::EndpointSlice => parse_as(Resource::EndpointSlice, text),
        Kind::Node => parse_as(Resource::Node, text),
        Kind::Namespace => parse_as(Resource::Namespace, text),
        Kind::Eip => parse_as(Resource::Eip, text),
        Kind::ConfigMap => parse_as(Resource::ConfigMap, text),
    }
}

fn parse_as<T: for<'de> Deserialize<'de>>(
    resource: fn(Box<T>) -> Resource,
    text: &str,
) -> Result<(Resource, Vec<String>), serde_saphyr::Error> {
    let (object, ignored) = parse(text)?;
    Ok((resource(Box::new(object)), ignored))
}

/// What is done with objects of a kind.
enum Class {
    Read(Kind),
    /// Skipped with a notice, or refused with an error.
    Left(Severity, Problem),
}

fn classify(api_version: &str, kind: &str) -> Class {
    let (group, _) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    if let Some(known) = Kind::ALL.into_iter().find(|known| known.name() == kind) {
        let expected = known.api_version();
        let own_group = expected.rsplit_once('/').map_or("", |(group, _)| group);
        if api_version == expected {
            return Class::Read(known);
        }
        if group == own_group {
            let found = api_version.to_owned();
            return Class::Left(Severity::Error, Problem::UnknownVersion { found, expected });
        }
    }
    let later = match group {
        "metallb.io" => &["BGPPeer", "BGPAdvertisement", "BFDProfile", "Community"][..],
        "network.kubesphere.io" => &["BgpConf", "BgpPeer"],
        _ => &[],
    };
    if later.contains(&kind) {
        return Class::Left(Severity::Notice, Problem::NotYetSupported { kind: kind.to_owned() });
    }
    let similar = Kind::ALL
        .into_iter()
        .filter(|known| known.api_version() == api_version)
        .map(Kind::name)
        .filter(|_| !is_neighbour(api_version, kind));
    let problem = Problem::UnknownKind {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        similar: closest(kind, similar),
    };
    Class::Left(Severity::Notice, problem)
}

/// Whether it is a DNS subdomain name (RFC 1123 2.1), as Kubernetes wants of names. What relies on
/// it: `namespace/name` can be taken apart again, and a name in a log line is one word.
fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        label.bytes().all(|c| plain(c) || c == b'-')
            && label.bytes().next().is_some_and(plain)
            && label.bytes().next_back().is_some_and(plain)
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// Kinds that live beside ours in one version and are no misspelling of them.
fn is_neighbour(api_version: &str, kind: &str) -> bool {
    api_version == "v1" && ["ServiceAccount", "Secret"].contains(&kind)
}

/// What to say about a field that nothing read; nothing if the schema has it.
pub(crate) fn unknown_field(kind: Kind, path: &str) -> Option<Problem> {
    let parent = positions::parent(path);
    let known = known_fields(kind, &positions::without_indices(parent))?;
    let name = path.get(parent.len()..)?.trim_start_matches('.');
    let name = name.strip_prefix("[\"").and_then(|n| n.strip_suffix("\"]")).unwrap_or(name);
    if known.contains(&name) {
        return None;
    }
    let similar = closest(name, known.iter().copied());
    Some(Problem::UnknownField { name: name.to_owned(), similar })
}

/// The candidate that `name` was most likely meant to be.
pub(crate) fn closest<T: AsRef<str>>(
    name: &str,
    candidates: impl IntoIterator<Item = T>,
) -> Option<T> {
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (strsim::damerau_levenshtein(&lower, &candidate.as_ref().to_lowercase()), candidate)
        })
        .filter(|(distance, candidate)| *distance <= candidate.as_ref().len().div_ceil(3).min(4))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What the parser said, without the place, which stands in front of it anyway.
fn message(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default();
    let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
    let unquoted = text
        .strip_prefix("The string value [")
        .and_then(|text| text.strip_suffix("] must be quoted"));
    if let Some(value) = unquoted {
        return format!("`{value}` is no text; write \"{value}\" with quotes");
    }
    match text {
        "expected sequence start" => "a list is expected here".to_owned(),
        "expected mapping start" => "fields are expected here".to_owned(),
        "invalid boolean" => "true or false is expected here".to_owned(),
        _ if text.starts_with("invalid i") || text.starts_with("invalid u") => {
            "a whole number is expected here".to_owned()
        }
        "unexpected end of input" => "the text ends too early".to_owned(),
        _ => text
            .replace("duplicate mapping key: ", "this field is given twice: ")
            .replace(", set DuplicateKeyPolicy in Options if acceptable", ""),
    }
}

#[cfg(test)]
mod tests;
