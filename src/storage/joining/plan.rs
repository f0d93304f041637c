//! Of which parts a joined file is made, where the store copies parts by itself.
//!
//! S3 takes parts of at least 5 MiB, but for the last, and at most 10,000 of them. So a large piece
//! is copied as it is, in one part or several, and small ones that follow one another are written
//! again as one. A run of small ones that is too short borrows from the large one behind it.
//! Knows numbers alone.

use std::ops::Range;

/// The least that a part may have which is not the last.
pub(super) const LEAST: u64 = 5 * 1024 * 1024;
/// The most bytes that are copied as one part: a store should not be silent for long.
const MOST: u64 = 128 * 1024 * 1024;

/// A part of the joined file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Bytes of a piece that the store copies; without a range all of it. Of which piece, counted
    /// from 0.
    Copied(usize, Option<Range<u64>>),
    /// Bytes of pieces that are read and written again.
    Written(Vec<(usize, Range<u64>)>),
}

/// The parts of the file that pieces of these sizes make. None has more than `room` bytes that are
/// written again, at least [`LEAST`].
pub(super) fn parts(sizes: &[u64], room: u64) -> Vec<Part> {
    let mut plan = Plan {
        room,
        ..Plan::default()
    };
    for (piece, size) in sizes.iter().copied().enumerate() {
        plan.add(piece, size);
    }
    plan.close();
    plan.parts
}

#[derive(Default)]
struct Plan {
    room: u64,
    parts: Vec<Part>,
    /// What is to be written as one part, and how much that is.
    run: Vec<(usize, Range<u64>)>,
    length: u64,
}

impl Plan {
    fn add(&mut self, piece: usize, size: u64) {
        let borrowed = match self.length {
            0 => 0,
            length => LEAST.saturating_sub(length),
        };
        // The rest of what is borrowed from must be large enough to stand alone.
        if size < LEAST + borrowed {
            return self.write(piece, 0..size);
        }
        self.write(piece, 0..borrowed);
        self.close();
        let rest = size - borrowed;
        if borrowed == 0 && size <= MOST {
            return self.parts.push(Part::Copied(piece, None));
        }
        let each = rest.div_ceil(rest.div_ceil(MOST));
        let mut at = borrowed;
        while at < size {
            let end = (at + each).min(size);
            self.parts.push(Part::Copied(piece, Some(at..end)));
            at = end;
        }
    }

    /// Adds bytes to those that are written together.
    fn write(&mut self, piece: usize, mut range: Range<u64>) {
        while !range.is_empty() {
            let end = range.end.min(range.start + (self.room - self.length));
            self.run.push((piece, range.start..end));
            self.length += end - range.start;
            range.start = end;
            if self.length == self.room {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        self.length = 0;
        if !self.run.is_empty() {
            self.parts
                .push(Part::Written(std::mem::take(&mut self.run)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1024 * 1024;

    fn size_of(part: &Part, sizes: &[u64]) -> u64 {
        match part {
            Part::Copied(piece, None) => sizes[*piece],
            Part::Copied(_, Some(range)) => range.end - range.start,
            Part::Written(run) => run.iter().map(|(_, range)| range.end - range.start).sum(),
        }
    }

    #[test]
    fn pieces_that_are_large_enough_are_copied_as_they_are() {
        let sizes = [LEAST, 8 * MIB, MOST, 1];
        let all = parts(&sizes, 8 * MIB);
        let last = Part::Written(vec![(3, 0..1)]);
        let copied = (0..3).map(|piece| Part::Copied(piece, None));
        assert_eq!(all, copied.chain([last]).collect::<Vec<_>>());
    }

    #[test]
    fn a_very_large_piece_is_copied_in_several_parts() {
        let all = parts(&[2 * MOST + 1], 8 * MIB);
        assert_eq!(all.len(), 3);
        assert!(
            all.iter()
                .all(|part| matches!(part, Part::Copied(0, Some(_))))
        );
    }

    #[test]
    fn a_short_run_borrows_from_the_large_piece_behind_it() {
        let sizes = [MIB, MIB, 9 * MIB, 8 * MIB];
        let expected = vec![
            Part::Written(vec![(0, 0..MIB), (1, 0..MIB), (2, 0..3 * MIB)]),
            Part::Copied(2, Some(3 * MIB..9 * MIB)),
            Part::Copied(3, None),
        ];
        assert_eq!(parts(&sizes, 8 * MIB), expected);
        // Too little of it would be left for a part: it is written as a whole.
        let sizes = [4 * MIB, LEAST + MIB - 1, 9 * MIB];
        let all = parts(&sizes, 8 * MIB);
        assert_eq!(
            all.iter()
                .filter(|part| matches!(part, Part::Copied(..)))
                .count(),
            1
        );
    }

    #[test]
    fn without_a_large_piece_all_is_written_again() {
        let all = parts(&[MIB; 20], 8 * MIB);
        let written = |part: &Part| matches!(part, Part::Written(_));
        assert!(all.len() == 3 && all.iter().all(written), "{all:?}");
        assert_eq!(parts(&[], 8 * MIB), []);
        assert_eq!(parts(&[0, 0], 8 * MIB), []);
    }

    proptest! {
        #[test]
        fn every_byte_has_its_place_and_no_part_is_too_small(
            sizes in prop::collection::vec(
                prop_oneof![0..3 * MIB, 4 * MIB..12 * MIB, 100 * MIB..300 * MIB], 0..40,
            ),
            room in (8_u64..20).prop_map(|mib| mib * MIB),
        ) {
            let all = parts(&sizes, room);
            let mut reached = sizes.iter().map(|_| 0).collect::<Vec<u64>>();
            let mut before = 0;
            for (place, part) in all.iter().enumerate() {
                let size = size_of(part, &sizes);
                prop_assert!(size >= LEAST || place + 1 == all.len(), "{part:?}");
                let ranges = match part {
                    Part::Copied(piece, None) => vec![(*piece, 0..sizes[*piece])],
                    Part::Copied(piece, Some(range)) => vec![(*piece, range.clone())],
                    Part::Written(run) => run.clone(),
                };
                match part {
                    Part::Copied(..) => prop_assert!(size <= MOST),
                    Part::Written(_) => prop_assert!(size <= room),
                }
                for (piece, range) in ranges {
                    prop_assert!(piece >= before, "the order is lost");
                    prop_assert_eq!(reached[piece], range.start);
                    reached[piece] = range.end;
                    before = piece;
                }
            }
            prop_assert_eq!(reached, sizes);
        }
    }
}
