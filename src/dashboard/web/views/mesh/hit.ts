/** What of the mesh lies under a point of the screen. */
import { endsOf, radiusOf, type Transform } from './geometry.ts';
import type { PlacedChannel, PlacedNode } from './layout.ts';

const NEAR_NODE = 6;
const NEAR_CHANNEL = 7;

export type Hit = { readonly node: PlacedNode } | { readonly channel: PlacedChannel };

export interface Placed {
  readonly nodes: readonly PlacedNode[];
  readonly channels: readonly PlacedChannel[];
  readonly transform: Transform;
}

export function hitAt({ nodes, channels, transform }: Placed, x: number, y: number): Hit | undefined {
  let nearest: { readonly hit: Hit; readonly distance: number } | undefined;
  for (const node of nodes) {
    const distance = Math.hypot(node.x * transform.k + transform.x - x, node.y * transform.k + transform.y - y);
    const isHit = distance <= radiusOf(node.degree, transform.k) + NEAR_NODE;
    if (isHit && (nearest === undefined || distance < nearest.distance)) nearest = { hit: { node }, distance };
  }
  if (nearest !== undefined) return nearest.hit;
  for (const channel of channels) {
    const distance = distanceTo(endsOf(channel, transform), x, y);
    if (distance <= NEAR_CHANNEL && (nearest === undefined || distance < nearest.distance)) nearest = { hit: { channel }, distance };
  }
  return nearest?.hit;
}

/** From a point to a stretch between two others. */
function distanceTo([x1, y1, x2, y2]: readonly [number, number, number, number], x: number, y: number): number {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const square = dx * dx + dy * dy;
  const along = square === 0 ? 0 : Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / square));
  return Math.hypot(x1 + dx * along - x, y1 + dy * along - y);
}
