/**
 * Which of many rows are drawn: those in sight and a few beside them. Pure sums; the list
 * measures and draws.
 */

export interface Sight {
  /** How far it is scrolled, and how high it is, in px. */
  top: number;
  height: number;
  /** Height of a row and how many items stand in one. */
  row: number;
  columns: number;
  count: number;
}

/** Rows drawn above and below what is in sight. */
const BESIDE = 6;

/** First item to draw, and the one behind the last. */
export function drawn({ top, height, row, columns, count }: Sight): [number, number] {
  if (row <= 0) return [0, Math.min(count, 1)];
  const first = Math.max(0, Math.floor(top / row) - BESIDE) * columns;
  const last = (Math.ceil((top + height) / row) + BESIDE) * columns;
  return [Math.min(first, Math.max(0, count - 1)), Math.min(count, last)];
}

/** Height of all rows together, in px. */
export function wholeHeight({ row, columns, count }: Pick<Sight, "row" | "columns" | "count">): number {
  return Math.ceil(count / columns) * row;
}

/** Where to scroll so that an item is in sight; where it is already, nowhere. */
export function scrollTo(index: number, { top, height, row, columns }: Omit<Sight, "count">): number {
  const above = Math.floor(index / columns) * row;
  if (above < top) return above;
  if (above + row > top + height) return above + row - height;
  return top;
}
