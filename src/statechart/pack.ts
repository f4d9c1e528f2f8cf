/** Sets boxes side by side and under each other so that they fill a page of a pleasant shape. */
import type { Point } from './laid-out.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Packing extends Size {
  /** Of each box, in their order. */
  readonly corners: readonly Point[];
}

const GAP = 16;
/** Between the widths that are tried. */
const STEP = 40;
/** How much a shape that is twice too wide or high is disliked, as a share of its area. */
const DISLIKE = 0.5;

/** Lower is better: little space, and near the aspect (width to height) that is asked for. */
function costOf({ width, height }: Size, aspect: number): number {
  return width * height * (1 + DISLIKE * Math.abs(Math.log2(width / height / aspect)));
}

export function pack(boxes: readonly Size[], aspect: number): Packing {
  const widest = Math.max(...boxes.map(({ width }) => width));
  const total = boxes.reduce((sum, { width }) => sum + width + GAP, 0);
  let best = packWithin(boxes, widest);
  for (let width = widest + STEP; width < total + STEP; width += STEP) {
    const packing = packWithin(boxes, width);
    if (costOf(packing, aspect) < costOf(best, aspect)) best = packing;
  }
  return best;
}

/** Each box in turn as high up as it fits, and there as far to the left. */
function packWithin(boxes: readonly Size[], limit: number): Packing {
  /** What is taken so far, from above: up to which height each stretch is filled. */
  let skyline: { x: number; width: number; y: number }[] = [{ x: 0, width: limit, y: 0 }];
  const corners: Point[] = [];
  for (const { width, height } of boxes) {
    const fits = skyline
      .filter(({ x }) => x + width <= limit)
      .map(({ x }) => ({ x, y: Math.max(...skyline.filter((part) => part.x < x + width && part.x + part.width > x).map(({ y }) => y)) }));
    const corner = fits.reduce((best, place) => (place.y < best.y ? place : best));
    corners.push(corner);
    const end = corner.x + width + GAP;
    const rest = skyline.flatMap((part) => {
      const before = { ...part, width: Math.min(part.width, corner.x - part.x) };
      const after = { ...part, x: Math.max(part.x, end), width: part.x + part.width - Math.max(part.x, end) };
      return [before, after].filter((piece) => piece.width > 0);
    });
    skyline = [...rest, { x: corner.x, width: width + GAP, y: corner.y + height + GAP }].sort((a, b) => a.x - b.x);
  }
  const edge = (side: 'x' | 'y', size: 'width' | 'height'): number =>
    Math.max(...boxes.map((box, index) => (corners[index]?.[side] ?? 0) + box[size]));
  return { width: edge('x', 'width'), height: edge('y', 'height'), corners };
}
