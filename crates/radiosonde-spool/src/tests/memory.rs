//! A file system in memory that fails as it is told, dies at any operation, and forgets what was not
//! synced when its power is cut.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::files::{Files, Mode, OpenFile, Space};
use crate::home::lock;

/// What a disk writes at once.
const SECTOR: usize = 512;

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails, having done nothing.
    Errno(i32),
    /// A write takes so many bytes only, and says so.
    Short(usize),
    /// A write takes half of its bytes and fails.
    Half(i32),
    /// The process is dead before it.
    Dead,
    /// The process dies in it: of a write, half is there.
    DeadInside,
}

pub(crate) type Plan = Box<dyn FnMut(&str, u64) -> Option<Fault> + Send>;

/// The file system. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<World>>);

#[derive(Default)]
struct World {
    inodes: Vec<Inode>,
    directories: BTreeMap<PathBuf, Directory>,
    capacity: Option<u64>,
    operations: u64,
    plan: Option<Plan>,
    is_dead: bool,
}

#[derive(Clone, Default)]
struct Inode {
    now: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    allocated: u64,
    links: u32,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Clone, Default)]
struct Directory {
    now: BTreeMap<String, Entry>,
    durable: BTreeMap<String, Entry>,
    /// Names with what they became.
    unsynced: Vec<(String, Option<Entry>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    File(usize),
    Directory,
}

#[derive(Debug)]
struct Handle {
    memory: Memory,
    inode: usize,
}

impl Memory {
    /// With an empty directory.
    pub(crate) fn with(path: &Path) -> Self {
        let memory = Self::default();
        lock(&memory.0).directories.insert(path.to_owned(), Directory::default());
        memory
    }

    /// From now on the plan says which operation fails; they are counted from zero.
    pub(crate) fn plan(&self, plan: impl FnMut(&str, u64) -> Option<Fault> + Send + 'static) {
        let mut world = lock(&self.0);
        world.operations = 0;
        world.plan = Some(Box::new(plan));
    }

    /// All works again; how many operations there were since the plan was made.
    pub(crate) fn heal(&self) -> u64 {
        let mut world = lock(&self.0);
        world.plan = None;
        world.capacity = None;
        world.is_dead = false;
        world.operations
    }

    pub(crate) fn is_dead(&self) -> bool {
        lock(&self.0).is_dead
    }

    /// The disk has so many bytes.
    pub(crate) fn set_capacity(&self, bytes: u64) {
        lock(&self.0).capacity = Some(bytes);
    }

    pub(crate) fn used(&self) -> u64 {
        lock(&self.0).used()
    }

    /// The same files for another process: the handles of the dead one change nothing here.
    pub(crate) fn after_kill(&self) -> Self {
        let world = lock(&self.0);
        let copy = World {
            inodes: world.inodes.clone(),
            directories: world.directories.clone(),
            ..World::default()
        };
        Self(Arc::new(Mutex::new(copy)))
    }

    /// What is there after a power cut. `dice` gives numbers below its argument.
    pub(crate) fn after_power_cut(&self, dice: &mut dyn FnMut(usize) -> usize) -> Self {
        let world = lock(&self.0);
        let mut copy = World::default();
        for inode in &world.inodes {
            let mut content = inode.durable.clone();
            for change in &inode.unsynced {
                change.apply_after_power_cut(&mut content, dice);
            }
            copy.inodes.push(Inode { now: content.clone(), durable: content, ..Inode::default() });
        }
        for (path, directory) in &world.directories {
            let mut names = directory.durable.clone();
            for (name, entry) in &directory.unsynced {
                if dice(2) == 0 {
                    match entry {
                        Some(entry) => names.insert(name.clone(), *entry),
                        None => names.remove(name),
                    };
                }
            }
            let directory = Directory { now: names.clone(), durable: names, unsynced: Vec::new() };
            copy.directories.insert(path.clone(), directory);
        }
        copy.forget_unreachable();
        Self(Arc::new(Mutex::new(copy)))
    }

    /// Paths of all files.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let world = lock(&self.0);
        let files = world.directories.iter().flat_map(|(path, directory)| {
            let names = directory.now.iter().filter(|(_, entry)| matches!(entry, Entry::File(_)));
            names.map(|(name, _)| path.join(name)).collect::<Vec<_>>()
        });
        files.collect()
    }

    pub(crate) fn content(&self, path: &Path) -> Vec<u8> {
        let world = lock(&self.0);
        world.inodes[world.find(path).expect("a file")].now.clone()
    }

    /// Puts bytes where a file is, or makes one.
    pub(crate) fn set_content(&self, path: &Path, content: Vec<u8>) {
        let mut world = lock(&self.0);
        let inode = match world.find(path) {
            Ok(inode) => inode,
            Err(_) => world.add_file(path).expect("a directory"),
        };
        let inode = &mut world.inodes[inode];
        inode.now.clone_from(&content);
        inode.durable = content;
        inode.unsynced.clear();
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write(at, bytes) => {
                let end = at + bytes.len();
                content.resize(content.len().max(end), 0);
                content[*at..end].copy_from_slice(bytes);
            }
            Self::Length(length) => content.resize(*length, 0),
        }
    }

    /// Some of it may be there, sector by sector.
    fn apply_after_power_cut(&self, content: &mut Vec<u8>, dice: &mut dyn FnMut(usize) -> usize) {
        match (self, dice(4)) {
            (_, 0) => {}
            (change, 1) | (change @ Self::Length(_), _) => change.apply(content),
            (Self::Write(at, bytes), kind) => {
                let sector = if kind == 2 { SECTOR } else { 8 * SECTOR };
                let mut from = *at;
                while from < at + bytes.len() {
                    let to = ((from / sector + 1) * sector).min(at + bytes.len());
                    if dice(2) == 0 {
                        let piece = bytes[from - at..to - at].to_vec();
                        Self::Write(from, piece).apply(content);
                    }
                    from = to;
                }
            }
        }
    }
}

impl World {
    /// Counts an operation; what becomes of it.
    fn begin(&mut self, name: &str) -> io::Result<Option<Fault>> {
        if self.is_dead {
            return Err(io::Error::other("dead"));
        }
        let number = self.operations;
        self.operations += 1;
        let fault = self.plan.as_mut().and_then(|plan| plan(name, number));
        match fault {
            Some(Fault::Errno(code)) => Err(io::Error::from_raw_os_error(code)),
            Some(Fault::Dead) => {
                self.is_dead = true;
                Err(io::Error::other("dead"))
            }
            Some(Fault::DeadInside) if name != "write" => {
                self.is_dead = true;
                Err(io::Error::other("dead"))
            }
            fault => Ok(fault),
        }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        let (parent, name) = split(path);
        let directory = self.directories.get(parent).ok_or(io::ErrorKind::NotFound)?;
        match directory.now.get(name) {
            Some(Entry::File(inode)) => Ok(*inode),
            Some(Entry::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn set_name(&mut self, path: &Path, entry: Option<Entry>) -> io::Result<Option<Entry>> {
        let (parent, name) = split(path);
        let directory = self.directories.get_mut(parent).ok_or(io::ErrorKind::NotFound)?;
        directory.unsynced.push((name.to_owned(), entry));
        Ok(match entry {
            Some(entry) => directory.now.insert(name.to_owned(), entry),
            None => directory.now.remove(name),
        })
    }

    fn add_file(&mut self, path: &Path) -> io::Result<usize> {
        let inode = self.inodes.len();
        self.set_name(path, Some(Entry::File(inode)))?;
        self.inodes.push(Inode { links: 1, ..Inode::default() });
        Ok(inode)
    }

    fn used(&self) -> u64 {
        let linked = self.inodes.iter().filter(|inode| inode.links > 0);
        linked.map(|inode| inode.allocated.max(inode.now.len() as u64)).sum()
    }

    fn has_room(&self, more: u64) -> io::Result<()> {
        match self.capacity {
            Some(capacity) if self.used() + more > capacity => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }

    /// After a power cut: directories that no name leads to, and files no name has.
    fn forget_unreachable(&mut self) {
        let is_there = |world: &Self, path: &Path| {
            let (parent, name) = split(path);
            world
                .directories
                .get(parent)
                .is_none_or(|directory| directory.now.get(name) == Some(&Entry::Directory))
        };
        let paths: Vec<PathBuf> = self.directories.keys().cloned().collect();
        for path in paths {
            if !is_there(self, &path) {
                self.directories.remove(&path);
            }
        }
        // A name whose directory's content is lost leads to an empty one.
        let named = self.directories.iter().flat_map(|(path, directory)| {
            let found = directory.now.iter().filter(|(_, entry)| **entry == Entry::Directory);
            found.map(|(name, _)| path.join(name)).collect::<Vec<_>>()
        });
        for path in named.collect::<Vec<_>>() {
            self.directories.entry(path).or_default();
        }
        let entries = self.directories.values().flat_map(|directory| directory.now.values());
        for entry in entries {
            if let Entry::File(inode) = entry {
                self.inodes[*inode].links += 1;
            }
        }
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

impl Files for Memory {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut world = lock(&self.0);
        world.begin("create_dir")?;
        if world.directories.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        world.set_name(path, Some(Entry::Directory))?;
        world.directories.insert(path.to_owned(), Directory::default());
        Ok(())
    }

    fn check_dir(&self, path: &Path) -> io::Result<()> {
        let world = lock(&self.0);
        world.directories.get(path).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn list(&self, path: &Path, most: usize) -> io::Result<Vec<String>> {
        let mut world = lock(&self.0);
        world.begin("list")?;
        let directory = world.directories.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(directory.now.keys().take(most).cloned().collect())
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn OpenFile>> {
        let mut world = lock(&self.0);
        world.begin(if mode == Mode::New { "create" } else { "open" })?;
        let inode = match (world.find(path), mode) {
            (Ok(_), Mode::New) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Err(error), Mode::New) if error.kind() == io::ErrorKind::NotFound => {
                world.add_file(path)?
            }
            (found, _) => found?,
        };
        Ok(Arc::new(Handle { memory: self.clone(), inode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = lock(&self.0);
        world.begin("rename")?;
        let inode = world.find(from)?;
        if let Some(Entry::File(old)) = world.set_name(to, Some(Entry::File(inode)))? {
            world.inodes[old].links -= 1;
        }
        world.set_name(from, None).map(drop)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        let mut world = lock(&self.0);
        world.begin("unlink")?;
        let inode = world.find(path)?;
        world.inodes[inode].links -= 1;
        world.set_name(path, None).map(drop)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut world = lock(&self.0);
        world.begin("remove_dir")?;
        let directory = world.directories.get(path).ok_or(io::ErrorKind::NotFound)?;
        if !directory.now.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        world.directories.remove(path);
        world.set_name(path, None).map(drop)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut world = lock(&self.0);
        world.begin("sync_dir")?;
        let directory = world.directories.get_mut(path).ok_or(io::ErrorKind::NotFound)?;
        directory.durable = directory.now.clone();
        directory.unsynced.clear();
        Ok(())
    }

    fn usage(&self, path: &Path) -> io::Result<u64> {
        let world = lock(&self.0);
        let inode = &world.inodes[world.find(path)?];
        Ok(inode.allocated.max(inode.now.len() as u64))
    }

    fn space(&self, _: &Path) -> io::Result<Space> {
        let world = lock(&self.0);
        let total = world.capacity.unwrap_or(1 << 50);
        Ok(Space { free: total.saturating_sub(world.used()), total })
    }
}

impl OpenFile for Handle {
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        let mut world = lock(&self.memory.0);
        let fault = world.begin("read")?;
        let content = &world.inodes[self.inode].now;
        let rest = content.get(at as usize..).unwrap_or_default();
        let mut count = rest.len().min(bytes.len());
        if let Some(Fault::Short(most)) = fault {
            count = count.min(most.max(1));
        }
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let mut world = lock(&self.memory.0);
        let fault = world.begin("write")?;
        let count = match fault {
            Some(Fault::Short(most)) => bytes.len().min(most),
            Some(Fault::Half(_) | Fault::DeadInside) => bytes.len() / 2,
            _ => bytes.len(),
        };
        let inode = &world.inodes[self.inode];
        let end = at + count as u64;
        world.has_room(end.saturating_sub(inode.allocated.max(inode.now.len() as u64)))?;
        let change = Change::Write(at as usize, bytes[..count].to_vec());
        let inode = &mut world.inodes[self.inode];
        change.apply(&mut inode.now);
        inode.unsynced.push(change);
        match fault {
            Some(Fault::Half(code)) => Err(io::Error::from_raw_os_error(code)),
            Some(Fault::DeadInside) => {
                world.is_dead = true;
                Err(io::Error::other("dead"))
            }
            _ => Ok(count),
        }
    }

    fn length(&self) -> io::Result<u64> {
        Ok(lock(&self.memory.0).inodes[self.inode].now.len() as u64)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let mut world = lock(&self.memory.0);
        world.begin("set_length")?;
        let inode = &mut world.inodes[self.inode];
        let change = Change::Length(length as usize);
        change.apply(&mut inode.now);
        inode.unsynced.push(change);
        Ok(())
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let mut world = lock(&self.memory.0);
        world.begin("allocate")?;
        world.has_room(bytes)?;
        world.inodes[self.inode].allocated = bytes;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = lock(&self.memory.0);
        world.begin("sync")?;
        let inode = &mut world.inodes[self.inode];
        inode.durable = inode.now.clone();
        inode.unsynced.clear();
        Ok(())
    }
}

fn split(path: &Path) -> (&Path, &str) {
    let parent = path.parent().unwrap_or(Path::new(""));
    (parent, path.file_name().and_then(|name| name.to_str()).unwrap_or_default())
}
