use std::{fs, os::unix::fs::PermissionsExt as _, sync::atomic::Ordering};

use tempfile::TempDir;

use super::*;

struct Room {
    dir: TempDir,
    shelf: Arc<Shelf>,
}

const PATH: &str = "red/red.min.js";

fn text() -> Vec<u8> {
    (0..20_000)
        .flat_map(|number| format!("var a{number} = {};\n", number % 7).into_bytes())
        .collect()
}

impl Room {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("public");
        fs::create_dir_all(root.join("red")).unwrap();
        fs::write(root.join(PATH), text()).unwrap();
        let listed = Listed {
            path: PATH.to_owned(),
            size: text().len() as u64,
            blake3: blake3::hash(&text()).to_hex().to_string(),
        };
        let shelf = Shelf::open(root, [listed], &dir.path().join("cache")).unwrap();
        Self { dir, shelf }
    }

    fn item(&self) -> &Arc<Item> {
        &self.shelf.files[PATH]
    }

    /// The copies on disk.
    fn copies(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path().join("cache")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn made(&self) -> u64 {
        self.shelf.stock.made.load(Ordering::Relaxed)
    }
}

fn read(mut opened: Opened) -> Vec<u8> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut opened.file, &mut bytes).unwrap();
    bytes
}

fn unpacked(opened: Opened) -> Vec<u8> {
    let mut text = Vec::new();
    let pressed = read(opened);
    assert!(crate::press::unpress(&pressed, 1 << 30, |piece| text.extend_from_slice(piece)));
    text
}

#[test]
fn only_what_node_red_itself_serves_is_on_the_shelf() {
    let listed = |path: &str| Listed {
        path: path.to_owned(),
        size: 1,
        blake3: blake3::hash(b"x").to_hex().to_string(),
    };
    let dir = tempfile::tempdir().unwrap();
    let paths = [
        "red/a.js",
        "vendor/monaco/dist/editor.js",
        "types/node/fs.d.ts",
        "favicon.ico",
        "red/about",
        // What is below is left to Node-RED.
        "index.html",
        "icons/a.svg",
        "theme/a.css",
        "locales/en-US/editor.json",
        "resources/a/b.js",
        "red/.hidden.js",
        "red/a.wasm",
        "redder/a.js",
    ];
    let shelf = Shelf::open(dir.path().into(), paths.map(listed), dir.path()).unwrap();
    let on: Vec<_> = shelf.paths().collect();
    let expected = [
        "favicon.ico",
        "red/a.js",
        "red/about",
        "types/node/fs.d.ts",
        "vendor/monaco/dist/editor.js",
    ];
    assert_eq!(on, expected);
    let is_on = |path: &str| {
        let target = Target::parse(&path.parse().unwrap()).unwrap();
        shelf.item(&target).is_some()
    };
    assert!(is_on("/red/a.js") && is_on("/red/a.js?v=1"));
    for not in ["/red/a.js/", "/RED/a.js", "/red", "/red/b.js", "/"] {
        assert!(!is_on(not), "{not}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_come_first_have_it_compressed_once() {
    let room = Room::new();
    let asked = (0..20).map(|_| {
        let (shelf, item) = (Arc::clone(&room.shelf), Arc::clone(room.item()));
        tokio::spawn(async move { shelf.pressed(&item).await.expect("a copy") })
    });
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(unpacked(answer.unwrap()), text());
    }
    assert_eq!(room.made(), 1);
}

#[test]
fn the_best_copy_takes_the_place_of_the_quick_one() {
    let room = Room::new();
    room.shelf
        .stock
        .hurry(room.item(), &room.shelf.root)
        .unwrap();
    let quick = room.shelf.stocked(room.item()).unwrap().size;
    room.shelf.fill(|| true);
    assert_eq!(room.made(), 1, "it was told to stop");
    room.shelf.fill(|| false);
    assert_eq!(room.made(), 2);
    assert_eq!(room.copies().len(), 1);
    let best = room.shelf.stocked(room.item()).unwrap();
    assert!(best.size < quick, "{} and {quick}", best.size);
    assert_eq!(unpacked(best), text());
    // A second start has nothing to do.
    room.shelf.fill(|| false);
    assert_eq!(room.made(), 2);
}

#[tokio::test]
async fn a_copy_that_was_changed_is_noticed_and_made_anew() {
    let room = Room::new();
    let good = read(room.shelf.pressed(room.item()).await.unwrap());
    let copy = room.copies().pop().unwrap();
    let other = crate::press::press(b"alert(1)", 5).unwrap();
    let cut = &good[..good.len() - 1];
    let longer = [good.as_slice(), b"x"].concat();
    for (round, bad) in [other.as_slice(), cut, &longer, b""]
        .into_iter()
        .enumerate()
    {
        // Also in place, where the file stays the same one.
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&copy, bad).unwrap();
        assert!(room.shelf.stocked(room.item()).is_none(), "{round}");
        assert!(!copy.exists(), "{round}");
        let again = room.shelf.pressed(room.item()).await.unwrap();
        assert_eq!(unpacked(again), text(), "{round}");
        assert_eq!(room.made(), 2 + round as u64);
    }
}

#[test]
fn a_file_of_the_tree_that_was_changed_is_not_served() {
    let room = Room::new();
    assert_eq!(read(room.shelf.plain(room.item()).unwrap()), text());
    let path = room.shelf.root.join(PATH);
    let mut changed = text();
    changed[0] = b'V';
    fs::write(&path, &changed).unwrap();
    assert!(room.shelf.plain(room.item()).is_err());
    assert!(
        room.shelf
            .stock
            .hurry(room.item(), &room.shelf.root)
            .is_err()
    );
    assert_eq!(room.copies(), Vec::<PathBuf>::new());
    fs::write(&path, text()).unwrap();
    assert_eq!(read(room.shelf.plain(room.item()).unwrap()), text());
}

#[test]
fn copies_of_files_no_tree_has_any_more_are_removed() {
    let room = Room::new();
    room.shelf
        .stock
        .hurry(room.item(), &room.shelf.root)
        .unwrap();
    let cache = room.dir.path().join("cache");
    let old = cache.join(format!("{}.11.br", blake3::hash(b"old").to_hex()));
    let partial = cache.join(".partial-1-1-x");
    let foreign = cache.join("notes.txt");
    for path in [&old, &partial, &foreign] {
        fs::write(path, b"x").unwrap();
    }
    Shelf::prune(&cache, [&room.shelf]).unwrap();
    assert!(!old.exists() && !partial.exists() && foreign.exists());
    assert!(room.shelf.stocked(room.item()).is_some());
}
