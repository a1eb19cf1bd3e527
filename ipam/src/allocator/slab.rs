use alloc::vec::Vec;

/// Records by small numbers. Grows by whole chunks, so that no record ever moves and little is held in reserve.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    vacant: Vec<u32>,
    len: usize,
}

const CHUNK: usize = 1024;

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new(), vacant: Vec::new(), len: 0 }
    }

    pub(crate) fn insert(&mut self, value: T) -> u32 {
        self.len += 1;
        if let Some(slot) = self.vacant.pop() {
            *self.entry(slot) = Some(value);
            return slot;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        match self.chunks.last_mut() {
            Some(chunk) => {
                chunk.push(Some(value));
                (before + chunk.len() - 1) as u32
            }
            // A chunk was pushed just above.
            None => unreachable!(),
        }
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<T> {
        let value = self.entry(slot).take()?;
        self.vacant.push(slot);
        self.len -= 1;
        Some(value)
    }

    /// The record at a slot that is in use: callers hold no other slots.
    pub(crate) fn at(&self, slot: u32) -> &T {
        let (chunk, place) = split(slot);
        match &self.chunks[chunk][place] {
            Some(value) => value,
            None => unreachable!("slot {slot} is vacant"),
        }
    }

    /// The record at a slot, which may be out of use.
    pub(crate) fn occupied(&self, slot: u32) -> Option<&T> {
        let (chunk, place) = split(slot);
        self.chunks.get(chunk)?.get(place)?.as_ref()
    }

    pub(crate) fn at_mut(&mut self, slot: u32) -> &mut T {
        match self.entry(slot) {
            Some(value) => value,
            None => unreachable!("slot {slot} is vacant"),
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let all = self.chunks.iter().flatten();
        (0..).zip(all).filter_map(|(slot, value)| Some((slot, value.as_ref()?)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.chunks.iter_mut().flatten().flatten()
    }

    fn entry(&mut self, slot: u32) -> &mut Option<T> {
        let (chunk, place) = split(slot);
        &mut self.chunks[chunk][place]
    }
}

const fn split(slot: u32) -> (usize, usize) {
    (slot as usize / CHUNK, slot as usize % CHUNK)
}
