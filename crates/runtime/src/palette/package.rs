//! Packages that bring nodes.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use model::palette::Palette;
use script::editor::icon;
use serde_json::Value;

use super::{Budget, catalogue::Catalogue};

const MANIFEST_MAX_BYTES: u64 = 1024 * 1024;
const CATALOGUE_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// How deep the folders of Node-RED's own nodes go.
const CORE_DEPTH_MAX: u8 = 3;

/// Icons of one package, and of one file, at most.
const ICONS_MAX: usize = 500;

/// Where Node-RED's own nodes are.
const CORE: &str = "@node-red/nodes";

/// Where the editor's icon font is.
const FONT: &str = "@node-red/editor-client/public/vendor/font-awesome";

/// A package with nodes in it.
#[derive(Debug)]
pub(super) struct Package {
    /// As flows and people name it: `node-red` for Node-RED's own.
    name: String,
    version: Option<String>,
    /// The HTML files, in the order Node-RED loads them.
    files: Vec<PathBuf>,
    /// Whether it is Node-RED's own: one catalogue for all files.
    is_core: bool,
    /// Where its icons are.
    icons: BTreeSet<PathBuf>,
    /// Node-RED's own texts.
    core: Arc<Catalogue>,
}

/// The packages of a `node_modules` folder: Node-RED's own first.
pub(super) fn all(modules: &Path, budget: &mut Budget) -> Vec<Package> {
    let core = modules.join(CORE);
    let catalogue = core.join("locales/en-US/messages.json");
    let texts = budget.text(&catalogue, CATALOGUE_MAX_BYTES);
    let texts = Arc::new(Catalogue::read(&texts.unwrap_or_default()));
    let mut files = Vec::new();
    html_files(&core.join("core"), CORE_DEPTH_MAX, &mut files);
    let version = manifest(&core, budget).and_then(|it| version(&it));
    let mut packages = vec![Package {
        name: "node-red".to_owned(),
        version,
        files,
        is_core: true,
        icons: [
            core.join("icons"),
            modules.join("@node-red/editor-client/public/red/images/icons"),
        ]
        .into(),
        core: texts.clone(),
    }];
    for folder in folders(modules, budget) {
        packages.extend(contributed(modules, &folder, budget, &texts));
    }
    packages
}

/// A package other than Node-RED's own, if it has nodes.
fn contributed(
    modules: &Path,
    folder: &Path,
    budget: &mut Budget,
    core: &Arc<Catalogue>,
) -> Option<Package> {
    let manifest = manifest(folder, budget)?;
    let nodes = manifest.get("node-red")?.get("nodes")?.as_object()?;
    let files = nodes.values().filter_map(|file| {
        let file = Path::new(file.as_str()?);
        // A package may only name files of its own.
        let stays = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        let is_inside = file.components().all(stays);
        is_inside.then(|| folder.join(file).with_extension("html"))
    });
    let files: Vec<_> = files.collect();
    let beside = |file: &PathBuf| Some(file.parent()?.join("icons"));
    let icons = files.iter().filter_map(beside).collect();
    Some(Package {
        name: folder.strip_prefix(modules).ok()?.to_str()?.to_owned(),
        version: version(&manifest),
        files,
        is_core: false,
        icons,
        core: core.clone(),
    })
}

/// Adds the icons of Font Awesome, which the editor brings.
pub(super) fn read_font(modules: &Path, budget: &mut Budget, palette: &mut Palette) {
    let font = modules.join(FONT);
    let mut read = |path: &str| {
        let text = budget.text(&font.join(path), icon::font::FONT_MAX_BYTES as u64);
        text.unwrap_or_default()
    };
    let outlines = read("fonts/fontawesome-webfont.svg");
    let names = read("css/font-awesome.min.css");
    for (name, icon) in icon::font::read(&outlines, &names) {
        let name = format!("font-awesome/{name}");
        palette.icons.entry(name).or_insert(icon);
    }
}

fn manifest(folder: &Path, budget: &mut Budget) -> Option<Value> {
    let text = budget.text(&folder.join("package.json"), MANIFEST_MAX_BYTES)?;
    serde_json::from_str(&text).ok()
}

fn version(manifest: &Value) -> Option<String> {
    manifest.get("version")?.as_str().map(str::to_owned)
}

/// The package folders, scoped ones too, in the order of their names.
fn folders(modules: &Path, budget: &mut Budget) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in children(modules) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('@') {
            found.extend(children(&path));
        } else if !name.starts_with('.') {
            found.push(path);
        }
    }
    found.truncate(budget.left.packages);
    budget.left.packages -= found.len();
    found
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The HTML files of a folder of Node-RED's own nodes.
fn html_files(folder: &Path, depth: u8, found: &mut Vec<PathBuf>) {
    let Some(deeper) = depth.checked_sub(1) else {
        return;
    };
    for path in children(folder) {
        let name = path.file_name().unwrap_or_default();
        if path.extension().is_some_and(|it| it == "html") {
            found.push(path);
        } else if name != "lib" && path.is_dir() {
            html_files(&path, deeper, found);
        }
    }
}

impl Package {
    /// Adds what the package registers. The first package with a type has it, as in Node-RED.
    pub(super) fn read(&self, budget: &mut Budget, palette: &mut Palette) {
        for file in &self.files {
            let Some(left) = budget.left.files.checked_sub(1) else {
                tracing::warn!(
                    package = self.name,
                    "too many node files; the rest is not read"
                );
                return;
            };
            budget.left.files = left;
            let bytes_max = script::editor::HTML_MAX_BYTES as u64;
            let Some(html) = budget.text(file, bytes_max) else {
                continue;
            };
            let own = self.own_catalogue(file, budget);
            let messages = |key: &str| match key.split_once(':') {
                Some(("node-red", key)) => self.core.text(key),
                Some((_, key)) => own.text(key),
                None => own.text(key),
            };
            match script::editor::node_types(&html, &messages) {
                Ok(types) => {
                    for (name, mut node_type) in types {
                        node_type.module.clone_from(&self.name);
                        node_type.version.clone_from(&self.version);
                        palette.types.entry(name).or_insert(node_type);
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        package = self.name,
                        file = %file.display(),
                        %error,
                        "a node's HTML was not read"
                    );
                }
            }
        }
    }

    /// Adds the package's icons.
    pub(super) fn read_icons(&self, budget: &mut Budget, palette: &mut Palette) {
        let files = self.icons.iter().flat_map(|folder| children(folder));
        for file in files.take(ICONS_MAX) {
            let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let Some(left) = budget.left.icons.checked_sub(1) else {
                tracing::warn!(package = self.name, "too many icons; the rest is not read");
                return;
            };
            let kind = file.extension().and_then(|it| it.to_str());
            let icon = match kind {
                Some("svg") => {
                    let text = budget.text(&file, icon::SVG_MAX_BYTES as u64);
                    text.and_then(|text| icon::read(&text))
                }
                Some("png") => {
                    let bytes = budget.bytes(&file, icon::raster::PNG_MAX_BYTES as u64);
                    bytes.and_then(|bytes| icon::raster::read(&bytes))
                }
                _ => continue,
            };
            budget.left.icons = left;
            if let Some(icon) = icon {
                let name = format!("{}/{name}", self.name);
                palette.icons.entry(name).or_insert(icon);
            }
        }
    }

    fn own_catalogue(&self, file: &Path, budget: &mut Budget) -> Arc<Catalogue> {
        if self.is_core {
            return self.core.clone();
        }
        let path = file.with_extension("json");
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Arc::default();
        };
        let path = folder.join("locales/en-US").join(name);
        let text = budget.text(&path, CATALOGUE_MAX_BYTES);
        Arc::new(Catalogue::read(&text.unwrap_or_default()))
    }
}
