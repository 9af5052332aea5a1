//! "Did you mean": the nearest of the words that were possible.

/// The candidate nearest to `word`, where one is near enough to be what was meant.
pub fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = &word.chars().take(64).collect::<String>().to_lowercase();
    let near = |candidate: &str| (candidate.chars().count() / 3).clamp(1, 2);
    // Most are far off by their length alone, and anybody may make us look.
    let as_long =
        |candidate: &&str| word.chars().count().abs_diff(candidate.chars().count()) <= near(candidate);
    let alike = candidates.into_iter().filter(as_long);
    let scored = alike.map(|candidate| (distance(word, &candidate.to_lowercase()), candidate));
    scored
        .filter(|(far, candidate)| *far <= near(candidate))
        .min_by_key(|(far, _)| *far)
        .map(|(_, word)| word)
}

/// The number of letters to insert, delete, replace or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (row, letter) in a.chars().enumerate() {
        let mut line = vec![row + 1];
        for (column, &other) in b.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX - 1);
            let replace = at(&last, column) + usize::from(letter != other);
            let mut best = replace.min(at(&last, column + 1) + 1).min(at(&line, column) + 1);
            let swapped = column.checked_sub(1).filter(|&left| b.get(left) == Some(&letter));
            if let Some(left) = swapped.filter(|_| previous == Some(other)) {
                best = best.min(at(&before, left) + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut last, line);
        previous = Some(letter);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn names_what_was_meant_and_nothing_far_away() {
        let words = ["session", "pandium", "claims", "id", "from", "utf8", "base64", "base64url"];
        for (word, meant) in [
            ("sesion", Some("session")),
            ("pnadium", Some("pandium")),
            ("Claims", Some("claims")),
            ("form", Some("from")),
            ("utf-8", Some("utf8")),
            ("base64ulr", Some("base64url")),
            ("ix", Some("id")),
            ("xy", None),
            ("zebra", None),
            ("", None),
        ] {
            assert_eq!(closest(word, words), meant, "{word}");
        }
    }
}
