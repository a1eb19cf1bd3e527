use alloc::collections::BTreeSet;

/// A sorted set that needs no memory of its own for up to `FEW` items. One that has outgrown this stays a tree, so that
/// nothing is moved to and fro.
#[derive(Clone, Debug, Default)]
pub(crate) enum FewOrMany<T, const FEW: usize> {
    #[default]
    None,
    /// Ascending; the places after the first `len` are not in use.
    Few {
        len: u8,
        items: [T; FEW],
    },
    Many(BTreeSet<T>),
}

impl<T: Copy + Ord, const FEW: usize> FewOrMany<T, FEW> {
    pub(crate) fn insert(&mut self, item: T) {
        let place = self.few().partition_point(|other| *other < item);
        match self {
            Self::None => *self = Self::Few { len: 1, items: [item; FEW] },
            Self::Few { len, items } => {
                let used = usize::from(*len);
                if items[..used].get(place) == Some(&item) {
                    return;
                }
                if used == FEW {
                    let mut many = BTreeSet::from(*items);
                    many.insert(item);
                    *self = Self::Many(many);
                    return;
                }
                items.copy_within(place..used, place + 1);
                items[place] = item;
                *len += 1;
            }
            Self::Many(items) => {
                items.insert(item);
            }
        }
    }

    pub(crate) fn remove(&mut self, item: T) {
        let found = self.few().binary_search(&item);
        match self {
            Self::None => {}
            Self::Few { len, items } => {
                if let Ok(place) = found {
                    items.copy_within(place + 1..usize::from(*len), place);
                    *len -= 1;
                }
            }
            Self::Many(items) => {
                items.remove(&item);
            }
        }
    }

    pub(crate) fn contains(&self, item: T) -> bool {
        match self {
            Self::Many(items) => items.contains(&item),
            _ => self.few().binary_search(&item).is_ok(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Many(items) => items.len(),
            _ => self.few().len(),
        }
    }

    /// Ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = T> {
        let many = if let Self::Many(items) = self { Some(items.iter()) } else { None };
        self.few().iter().chain(many.into_iter().flatten()).copied()
    }

    /// Those from `first` to `last`, ascending.
    pub(crate) fn between(&self, first: T, last: T) -> impl Iterator<Item = T> {
        let few = self.few();
        let start = few.partition_point(|item| *item < first);
        let few = few[start..].iter().take_while(move |item| **item <= last);
        let many =
            if let Self::Many(items) = self { Some(items.range(first..=last)) } else { None };
        few.chain(many.into_iter().flatten()).copied()
    }

    fn few(&self) -> &[T] {
        match self {
            Self::Few { len, items } => &items[..usize::from(*len)],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests;
