/** Sizes and areas of pictures, in whole pixels. Draws nothing. */

export type Size = [width: number, height: number];

/** A width and a height, either of which may be left open. */
export type Wish = [width: number | null, height: number | null];

/** An area of a picture as it is seen: after turning. */
export interface Area {
  position: [x: number, y: number];
  size: Size;
}

/** Quarter turns, clockwise. */
export type Turn = 0 | 90 | 180 | 270;

/** What a person did to a picture. */
export interface Edit {
  turn: Turn;
  /** Absent: all of it. */
  area?: Area;
  /** Whether only the circle within the area is kept. */
  circle: boolean;
}

/** How large pictures are stored (the protocol's imageDim, imageMax, imageMin). */
export interface Sizes {
  dim?: Wish | undefined;
  max?: Wish | undefined;
  min?: Wish | undefined;
}

/** The size of a picture after turning. */
export function turned([width, height]: Size, turn: Turn): Size {
  return turn % 180 === 0 ? [width, height] : [height, width];
}

/** The size at which a picture is stored; its shape stays. */
export function storedSize(size: Size, { dim, max, min }: Sizes): Size {
  let scale = 1;
  const ratios = (wish: Wish) => wish.flatMap((side, place) => (side ? [side / (size[place] ?? side)] : []));
  if (dim) {
    const wanted = ratios(dim);
    // Within both, where both are named: the shape stays.
    if (wanted.length > 0) scale = Math.min(...wanted);
  } else {
    if (max) scale = Math.min(scale, ...ratios(max));
    if (min && scale >= 1) scale = Math.max(scale, ...ratios(min));
  }
  return [Math.max(1, Math.round(size[0] * scale)), Math.max(1, Math.round(size[1] * scale))];
}

/** Whether a picture is as large and as small as it has to be (imageMinMaxBlock). */
export function isWithin(size: Size, { max, min }: Sizes): boolean {
  const every = (wish: Wish | undefined, holds: (side: number, limit: number) => boolean) =>
    (wish ?? []).every((limit, place) => !limit || holds(size[place] ?? 0, limit));
  return every(max, (side, limit) => side <= limit) && every(min, (side, limit) => side >= limit);
}

/** The largest area of a shape (width by height) in the middle of a picture. */
export function middle([width, height]: Size, ratio: number): Area {
  const size: Size = width / height > ratio ? [Math.round(height * ratio), height] : [width, Math.round(width / ratio)];
  return { position: [Math.round((width - size[0]) / 2), Math.round((height - size[1]) / 2)], size };
}

/** An area pushed and shrunk until it lies within a picture, no smaller than `least`. */
export function kept(area: Area, [width, height]: Size, least: number): Area {
  const w = Math.round(Math.min(Math.max(area.size[0], Math.min(least, width)), width));
  const h = Math.round(Math.min(Math.max(area.size[1], Math.min(least, height)), height));
  const x = Math.round(Math.min(Math.max(area.position[0], 0), width - w));
  const y = Math.round(Math.min(Math.max(area.position[1], 0), height - h));
  return { position: [x, y], size: [w, h] };
}

/** The corner or side by which an area is pulled. */
export type Grip = "nw" | "n" | "ne" | "e" | "se" | "s" | "sw" | "w";

/** An area after one of its grips was pulled to a point; with a ratio its shape stays. */
export function pulled(area: Area, grip: Grip, [px, py]: [number, number], size: Size, least: number, ratio?: number): Area {
  const [x, y] = area.position;
  let [left, top, right, bottom] = [x, y, x + area.size[0], y + area.size[1]];
  const inside = (value: number, from: number, to: number) => Math.min(Math.max(value, from), to);
  if (grip.includes("w")) left = inside(px, 0, right - least);
  if (grip.includes("e")) right = inside(px, left + least, size[0]);
  if (grip.includes("n")) top = inside(py, 0, bottom - least);
  if (grip.includes("s")) bottom = inside(py, top + least, size[1]);
  if (ratio) {
    // The side that was pulled leads; the other follows, as far as there is room.
    const upright = grip === "n" || grip === "s";
    let width = upright ? (bottom - top) * ratio : right - left;
    const roomWide = grip.includes("w") ? right : size[0] - left;
    const roomHigh = grip.includes("n") ? bottom : size[1] - top;
    width = Math.min(width, roomWide, roomHigh * ratio);
    const height = width / ratio;
    if (grip.includes("w")) left = right - width;
    else right = left + width;
    if (grip.includes("n")) top = bottom - height;
    else bottom = top + height;
  }
  return kept({ position: [left, top], size: [right - left, bottom - top] }, size, Math.min(least, area.size[0], area.size[1]));
}
