//! A model behind a mutex, kept in a file when one is given.
//!
//! The file is written aside and renamed over before the lock is released, so whatever was answered has been kept,
//! also across a `kill -9`. It is not synced to the disk: a power cut is not what a stand-in has to survive.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Locks also after a panic elsewhere: a failed assertion in a test must not hide behind a poisoned lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
pub(crate) struct Store<M> {
    model: Mutex<M>,
    file: Option<PathBuf>,
}

impl<M: Serialize + DeserializeOwned + Default> Store<M> {
    pub(crate) fn open(file: Option<PathBuf>) -> io::Result<Self> {
        let model = match &file {
            Some(path) if path.exists() => serde_json::from_slice(&fs::read(path)?)?,
            _ => M::default(),
        };
        Ok(Self { model: Mutex::new(model), file })
    }

    pub(crate) fn read<R>(&self, look: impl FnOnce(&M) -> R) -> R {
        look(&lock(&self.model))
    }

    /// Changes the model and keeps it.
    pub(crate) fn write<R>(&self, change: impl FnOnce(&mut M) -> R) -> R {
        let mut model = lock(&self.model);
        let result = change(&mut model);
        if let Some(path) = &self.file {
            save(path, &*model).expect("the folder of the state file is writable");
        }
        result
    }

    /// Changes what is not part of the kept state.
    pub(crate) fn adjust<R>(&self, change: impl FnOnce(&mut M) -> R) -> R {
        change(&mut lock(&self.model))
    }
}

fn save(path: &Path, model: &impl Serialize) -> io::Result<()> {
    let aside = path.with_extension("tmp");
    fs::write(&aside, serde_json::to_vec(model)?)?;
    fs::rename(&aside, path)
}
