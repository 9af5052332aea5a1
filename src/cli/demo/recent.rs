//! What is kept for a while: so many, and then the oldest goes.

use std::collections::{HashMap, VecDeque};
use uuid::Uuid;

/// More than this, and the oldest goes.
pub const MAX: usize = 1000;

/// Values by ids that nobody guesses.
#[derive(Debug)]
pub struct Recent<V> {
    values: HashMap<String, V>,
    order: VecDeque<String>,
}

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self { values: HashMap::new(), order: VecDeque::new() }
    }
}

impl<V> Recent<V> {
    /// Keeps it, and gives its id.
    pub fn keep(&mut self, value: V) -> String {
        let id = Uuid::new_v4().simple().to_string();
        if self.order.len() >= MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
        self.order.push_back(id.clone());
        self.values.insert(id.clone(), value);
        id
    }

    /// The value of that id.
    pub fn get(&self, id: &str) -> Option<&V> {
        self.values.get(id)
    }

    /// The value of that id, which is kept no longer.
    pub fn take(&mut self, id: &str) -> Option<V> {
        self.order.retain(|one| one != id);
        self.values.remove(id)
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX, Recent};

    #[test]
    fn the_oldest_goes_first() {
        let mut recent = Recent::default();
        let ids: Vec<_> = (0..=MAX).map(|number| recent.keep(number)).collect();
        let kept: Vec<_> = ids.iter().filter_map(|id| recent.get(id)).copied().collect();
        assert_eq!(kept, (1..=MAX).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_taken_makes_room() {
        let mut recent = Recent::default();
        let ids: Vec<_> = (0..MAX).map(|number| recent.keep(number)).collect();
        assert_eq!(ids.last().and_then(|id| recent.take(id)), Some(MAX - 1));
        recent.keep(MAX);
        assert_eq!(ids.first().and_then(|id| recent.get(id)), Some(&0));
        assert_eq!(recent.take("guess"), None);
    }
}
