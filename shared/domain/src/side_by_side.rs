//! Two lists in the same order, gone through together: one walk along both, where to look up in the second what the first has takes many
//! times as long.

use std::cmp::Ordering;

/// Each key of the two, in their order, with what it has in both. Each of them has a key once, in ascending order.
pub(crate) fn side_by_side<'a, K: Ord + 'a, A, B>(
    a: impl IntoIterator<Item = (&'a K, A)>,
    b: impl IntoIterator<Item = (&'a K, B)>,
) -> impl Iterator<Item = (&'a K, Option<A>, Option<B>)> {
    let (mut a, mut b) = (a.into_iter().peekable(), b.into_iter().peekable());
    std::iter::from_fn(move || {
        let order = match (a.peek(), b.peek()) {
            (Some((a, _)), Some((b, _))) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let (a, b) = (a.next_if(|_| order.is_le()), b.next_if(|_| order.is_ge()));
        let key = a.as_ref().map(|(key, _)| *key).or(b.as_ref().map(|(key, _)| *key))?;
        Some((key, a.map(|(_, found)| found), b.map(|(_, found)| found)))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_key_comes_once_and_in_order() {
        let (a, b) = (BTreeMap::from([(1, 'a'), (3, 'c'), (4, 'd')]), BTreeMap::from([(2, 'B'), (3, 'C'), (5, 'E')]));
        let seen: Vec<_> = side_by_side(&a, &b).map(|(key, a, b)| (*key, a.copied(), b.copied())).collect();
        let either = [(1, Some('a'), None), (2, None, Some('B')), (3, Some('c'), Some('C')), (4, Some('d'), None), (5, None, Some('E'))];
        assert_eq!(seen, either);
    }
}
