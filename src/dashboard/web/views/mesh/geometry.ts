/** Where things of the mesh are on the screen. */
import type { PlacedChannel } from './layout.ts';

/** Screen = mesh × k + (x, y). */
export interface Transform {
  readonly k: number;
  readonly x: number;
  readonly y: number;
}

/** The ends of a channel on the screen, beside the others between the same nodes. */
export function endsOf({ source, target, lane }: PlacedChannel, { k, x, y }: Transform): [number, number, number, number] {
  const [x1, y1, x2, y2] = [source.x * k + x, source.y * k + y, target.x * k + x, target.y * k + y];
  if (lane === 0) return [x1, y1, x2, y2];
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const away = lane * Math.min(10, 6 * Math.sqrt(k) + 3);
  const [dx, dy] = [((y1 - y2) / length) * away, ((x2 - x1) / length) * away];
  return [x1 + dx, y1 + dy, x2 + dx, y2 + dy];
}

export const radiusOf = (degree: number, k: number): number => Math.min(13, 5 + Math.sqrt(degree) * 1.6) * Math.min(1.6, Math.max(0.55, Math.sqrt(k)));
