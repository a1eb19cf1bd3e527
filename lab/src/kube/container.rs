//! A pod template, read as a kubelet reads it.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::thread::CapabilitySet;
use serde_json::{Value, json};

use super::{
    api::Api,
    error::{KubeError, Result},
    root::{Image, Mount, Root},
};
use crate::error::LabError;

/// What a kubelet knows that the template does not say.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) api: &'a Api,
    /// The host and port at which pods find the API server.
    pub(super) server: (&'a str, &'a str),
    pub(super) pod: &'a Value,
    pub(super) host_ip: String,
    pub(super) pod_ip: String,
    /// Where the pod's volumes are kept.
    pub(super) dir: &'a Path,
    /// What stands for the root folder of its node: this machine's own files are none of its business.
    pub(super) node_dir: PathBuf,
}

/// The root folder and the command line of a pod's only container.
pub(super) fn read(image: &Image, facts: &Facts<'_>) -> Result<(Root, Command)> {
    let spec = &facts.pod["spec"];
    let containers = spec["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ([container], None) = (containers, spec["initContainers"].as_array()) else {
        return Err(KubeError::invalid("the rig runs one container a pod, and none before it"));
    };
    let environment = environment(container, facts)?;
    let expand = |value: &Value| -> Vec<String> {
        let words = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        words.map(|word| expand(word, &environment)).collect()
    };
    let mut line = if container["command"].is_array() {
        expand(&container["command"])
    } else {
        image.entrypoint.clone()
    };
    line.extend(expand(&container["args"]));
    let (program, arguments) =
        line.split_first().ok_or_else(|| KubeError::invalid("no command"))?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(&environment);
    Ok((root(image, container, facts)?, command))
}

fn root(image: &Image, container: &Value, facts: &Facts<'_>) -> Result<Root> {
    let spec = &facts.pod["spec"];
    let (own, of_pod) = (&container["securityContext"], &spec["securityContext"]);
    let setting = |name: &str| if own[name].is_null() { &of_pod[name] } else { &own[name] };
    let number = |name: &str| setting(name).as_u64().and_then(|number| u32::try_from(number).ok());
    let user =
        (number("runAsUser").unwrap_or(image.user.0), number("runAsGroup").unwrap_or(image.user.1));
    if setting("runAsNonRoot") == true && user.0 == 0 {
        return Err(KubeError::invalid("container has runAsNonRoot and image will run as root"));
    }
    let mut mounts = Vec::new();
    for mount in container["volumeMounts"].as_array().into_iter().flatten() {
        let name = mount["name"].as_str().unwrap_or_default();
        let mut volumes = spec["volumes"].as_array().into_iter().flatten();
        let volume = volumes.find(|volume| volume["name"] == name);
        let volume =
            volume.ok_or_else(|| KubeError::invalid(format!("there is no volume {name}")))?;
        let mut source = self::volume(volume, facts)?;
        if let Some(part) = mount["subPath"].as_str() {
            source.push(part);
        }
        mounts.push(Mount {
            source,
            target: mount["mountPath"].as_str().unwrap_or_default().into(),
            read_only: mount["readOnly"] == true,
        });
    }
    Ok(Root {
        image: image.clone(),
        mounts,
        user,
        capabilities: capabilities(&own["capabilities"])?,
        read_only: own["readOnlyRootFilesystem"] == true,
        no_new_privileges: own["allowPrivilegeEscalation"] == false,
    })
}

/// Those that container runtimes give, less and more as the template says.
fn capabilities(wanted: &Value) -> Result<CapabilitySet> {
    let names = |list: &str| wanted[list].as_array().cloned().unwrap_or_default();
    let one = |name: &Value| -> Result<CapabilitySet> {
        let name = name.as_str().unwrap_or_default();
        let found =
            if name == "ALL" { Some(CapabilitySet::all()) } else { CapabilitySet::from_name(name) };
        found.ok_or_else(|| KubeError::invalid(format!("there is no capability {name}")))
    };
    let mut set = CapabilitySet::CHOWN
        | CapabilitySet::DAC_OVERRIDE
        | CapabilitySet::FSETID
        | CapabilitySet::FOWNER
        | CapabilitySet::MKNOD
        | CapabilitySet::NET_RAW
        | CapabilitySet::SETGID
        | CapabilitySet::SETUID
        | CapabilitySet::SETFCAP
        | CapabilitySet::SETPCAP
        | CapabilitySet::NET_BIND_SERVICE
        | CapabilitySet::SYS_CHROOT
        | CapabilitySet::KILL
        | CapabilitySet::AUDIT_WRITE;
    for name in names("drop") {
        set.remove(one(&name)?);
    }
    for name in names("add") {
        set.insert(one(&name)?);
    }
    Ok(set)
}

fn environment(container: &Value, facts: &Facts<'_>) -> Result<BTreeMap<String, String>> {
    let (host, port) = facts.server;
    let mut environment = BTreeMap::from([
        (
            "PATH".to_owned(),
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        ),
        ("HOSTNAME".to_owned(), facts.field("metadata.name")?),
        ("KUBERNETES_SERVICE_HOST".to_owned(), host.to_owned()),
        ("KUBERNETES_SERVICE_PORT".to_owned(), port.to_owned()),
        ("KUBERNETES_SERVICE_PORT_HTTPS".to_owned(), port.to_owned()),
    ]);
    for variable in container["env"].as_array().into_iter().flatten() {
        let from = &variable["valueFrom"];
        let value = if let Some(field) = from["fieldRef"]["fieldPath"].as_str() {
            facts.field(field)?
        } else if from.is_null() {
            expand(variable["value"].as_str().unwrap_or_default(), &environment)
        } else {
            return Err(KubeError::invalid(format!("the rig cannot fill a variable from {from}")));
        };
        environment.insert(variable["name"].as_str().unwrap_or_default().to_owned(), value);
    }
    Ok(environment)
}

/// Puts variables in the place of `$(NAME)`; one that is not known stays as it is.
fn expand(text: &str, environment: &BTreeMap<String, String>) -> String {
    environment
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("$({name})"), value))
}

impl Facts<'_> {
    /// What a `fieldRef` names.
    fn field(&self, path: &str) -> Result<String> {
        let value = match path {
            "status.hostIP" => Some(self.host_ip.clone()),
            "status.podIP" => Some(self.pod_ip.clone()),
            "metadata.name"
            | "metadata.namespace"
            | "metadata.uid"
            | "spec.nodeName"
            | "spec.serviceAccountName" => {
                let pointer = format!("/{}", path.replace('.', "/"));
                self.pod.pointer(&pointer).and_then(Value::as_str).map(str::to_owned)
            }
            _ => None,
        };
        value.ok_or_else(|| {
            KubeError::invalid(format!("a pod has no field {path} for its containers"))
        })
    }

    fn namespace(&self) -> &str {
        self.pod["metadata"]["namespace"].as_str().unwrap_or_default()
    }
}

/// Lays out a volume, and says where.
fn volume(volume: &Value, facts: &Facts<'_>) -> Result<PathBuf> {
    let name = volume["name"].as_str().unwrap_or_default();
    let dir = facts.dir.join(name);
    fs::create_dir_all(&dir).map_err(LabError::io(format!("make the volume {name}")))?;
    if let Some(path) = volume["hostPath"]["path"].as_str() {
        let path = facts.node_dir.join(path.trim_start_matches('/'));
        fs::create_dir_all(&path).map_err(LabError::io(format!("make {}", path.display())))?;
        return Ok(path);
    }
    if volume["emptyDir"].is_object() {
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(&dir, open).map_err(LabError::io(format!("open the volume {name}")))?;
        return Ok(dir);
    }
    let mut files = Vec::new();
    let (projected, secret, map) = (&volume["projected"], &volume["secret"], &volume["configMap"]);
    let (sources, mode) = if projected.is_object() {
        (projected["sources"].as_array().cloned().unwrap_or_default(), &projected["defaultMode"])
    } else if secret.is_object() {
        let mut source = json!({"secret": secret});
        source["secret"]["name"] = secret["secretName"].clone();
        (vec![source], &secret["defaultMode"])
    } else {
        (vec![json!({"configMap": map})], &map["defaultMode"])
    };
    for source in &sources {
        files.extend(source_files(source, facts)?);
    }
    let mode = mode.as_u64().and_then(|mode| u32::try_from(mode).ok()).unwrap_or(0o644);
    for (file, bytes) in files {
        let path = dir.join(file);
        let parent = path.parent().unwrap_or(&dir);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, bytes))
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)))
            .map_err(LabError::io(format!("write {}", path.display())))?;
    }
    Ok(dir)
}

/// The files of one source of a projected volume.
fn source_files(source: &Value, facts: &Facts<'_>) -> Result<Vec<(String, Vec<u8>)>> {
    let namespace = facts.namespace();
    let mut files = Vec::new();
    if source["serviceAccountToken"].is_object() {
        let token = &source["serviceAccountToken"];
        let path = token["path"].as_str().unwrap_or("token").to_owned();
        files.push((path, request_token(token, facts)?.into_bytes()));
    }
    for (kind, list) in [("configMap", "configmaps"), ("secret", "secrets")] {
        let Some(name) = source[kind]["name"].as_str() else { continue };
        let path = format!("/api/v1/namespaces/{namespace}/{list}/{name}");
        let object = match facts.api.get(&path) {
            Err(error) if error.status() == Some(404) && source[kind]["optional"] == true => {
                continue;
            }
            object => object?,
        };
        let items = source[kind]["items"].as_array();
        for (key, value) in object["data"].as_object().into_iter().flatten() {
            let text = value.as_str().unwrap_or_default();
            let bytes = if kind == "secret" { decode(text)? } else { text.as_bytes().to_owned() };
            match items {
                None => files.push((key.clone(), bytes)),
                Some(items) => {
                    let chosen = items.iter().find(|item| item["key"] == key.as_str());
                    let path = chosen.and_then(|item| item["path"].as_str());
                    files.extend(path.map(|path| (path.to_owned(), bytes)));
                }
            }
        }
    }
    for item in source["downwardAPI"]["items"].as_array().into_iter().flatten() {
        let field = item["fieldRef"]["fieldPath"].as_str().unwrap_or_default();
        let path = item["path"].as_str().unwrap_or_default().to_owned();
        files.push((path, facts.field(field)?.into_bytes()));
    }
    Ok(files)
}

/// A token of the pod's service account that is bound to the pod.
fn request_token(wanted: &Value, facts: &Facts<'_>) -> Result<String> {
    let (metadata, account) = (&facts.pod["metadata"], &facts.pod["spec"]["serviceAccountName"]);
    let account = account.as_str().unwrap_or("default");
    let path = format!("/api/v1/namespaces/{}/serviceaccounts/{account}/token", facts.namespace());
    let audiences: Vec<&str> = wanted["audience"].as_str().into_iter().collect();
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {
            "audiences": audiences,
            "expirationSeconds": wanted["expirationSeconds"].as_u64().unwrap_or(3607),
            "boundObjectRef":
                {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]},
        },
    });
    let answer = facts.api.create(&path, &request)?;
    let token = answer["status"]["token"].as_str();
    token.map(str::to_owned).ok_or_else(|| KubeError::invalid(format!("{path} gave no token")))
}

/// Secrets are written in base64.
fn decode(text: &str) -> Result<Vec<u8>> {
    let bytes = serde_json::from_value::<k8s_openapi::ByteString>(Value::String(text.to_owned()));
    bytes.map(|bytes| bytes.0).map_err(|error| KubeError::invalid(format!("a secret: {error}")))
}
