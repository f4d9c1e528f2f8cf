/** Draws the mesh on a canvas: in strokes of one style each, since a canvas is quick in few long paths. */
import { share } from '../../lib/amounts.ts';
import { endsOf, radiusOf, type Transform } from './geometry.ts';
import type { PlacedChannel, PlacedNode } from './layout.ts';
import type { ChannelLook } from './model.ts';
import type { Palette } from './palette.ts';
import type { Particle } from './particles.ts';

/** What is seen of the mesh, and what of it is marked. */
export interface Scene {
  readonly width: number;
  readonly height: number;
  readonly transform: Transform;
  readonly nodes: readonly PlacedNode[];
  readonly channels: readonly PlacedChannel[];
  readonly particles: Iterable<{ readonly particle: Particle; readonly progress: number }>;
  readonly selectedNode: string | undefined;
  readonly selectedChannel: string | undefined;
  readonly hovered: string | undefined;
  /** Channels of a route, drawn above the others. */
  readonly route: ReadonlySet<string>;
  readonly palette: Palette;
}

export function draw(context: CanvasRenderingContext2D, scene: Scene): void {
  const { width, height, palette } = scene;
  context.fillStyle = palette.surface;
  context.fillRect(0, 0, width, height);
  context.lineCap = 'butt';
  drawLines(context, scene);
  drawBalances(context, scene);
  drawRoute(context, scene);
  drawParticles(context, scene);
  drawNodes(context, scene);
  drawNames(context, scene);
}

const DASHES: Readonly<Record<ChannelLook, readonly number[]>> = { open: [], opening: [2, 3], offline: [6, 5], closing: [2, 5], cut: [10, 4, 2, 4] };

function drawLines(context: CanvasRenderingContext2D, { channels, transform, palette }: Scene): void {
  for (const look of Object.keys(DASHES) as ChannelLook[]) {
    context.setLineDash([...DASHES[look]]);
    context.lineWidth = look === 'cut' ? 2 : 1;
    context.strokeStyle = look === 'cut' ? palette.bad : look === 'closing' ? palette.warn : palette.line;
    context.beginPath();
    for (const placed of channels) {
      if (placed.channel.look !== look) continue;
      const [x1, y1, x2, y2] = endsOf(placed, transform);
      context.moveTo(x1, y1);
      context.lineTo(x2, y2);
    }
    context.stroke();
  }
  context.setLineDash([]);
}

/** No bar is drawn on what is shorter, in pixels. */
const SHORTEST = 26;
/** Where along the channel the bar lies. */
const [FROM, TO] = [0.24, 0.76];
const WIDTHS = [2.5, 4, 5.5, 7] as const;

/** A bar along each channel whose balances are known: each side's share lies on its own side. */
function drawBalances(context: CanvasRenderingContext2D, scene: Scene): void {
  const { channels, transform, palette } = scene;
  for (const width of WIDTHS) {
    for (const isAccent of [true, false]) {
      context.lineWidth = width;
      context.strokeStyle = isAccent ? palette.accent : palette.remote;
      context.beginPath();
      for (const placed of channels) {
        const { balance, capacityMsat } = placed.channel;
        if (balance === undefined || widthOf(capacityMsat) !== width) continue;
        const [x1, y1, x2, y2] = endsOf(placed, transform);
        if (Math.abs(x2 - x1) + Math.abs(y2 - y1) < SHORTEST) continue;
        const split = FROM + (TO - FROM) * share(balance.aMsat, balance.aMsat + balance.bMsat);
        const [start, end] = isAccent === isOfSource(placed, scene) ? [FROM, split] : [split, TO];
        context.moveTo(x1 + (x2 - x1) * start, y1 + (y2 - y1) * start);
        context.lineTo(x1 + (x2 - x1) * end, y1 + (y2 - y1) * end);
      }
      context.stroke();
    }
  }
}

/** Whose share has the accent: the own node's, the selected one's, or else the source's. */
function isOfSource({ source, target }: PlacedChannel, { selectedNode }: Scene): boolean {
  if (source.node.isOwn !== target.node.isOwn) return source.node.isOwn;
  return selectedNode !== target.id;
}

function widthOf(capacityMsat: bigint): number {
  const digits = (capacityMsat / 1_000n).toString().length;
  return WIDTHS[Math.min(3, Math.max(0, digits - 5))] ?? WIDTHS[0];
}

function drawRoute(context: CanvasRenderingContext2D, { channels, transform, palette, route, selectedChannel }: Scene): void {
  context.strokeStyle = palette.accent;
  for (const placed of channels) {
    const isSelected = placed.key === selectedChannel;
    if (!isSelected && !route.has(placed.key)) continue;
    const [x1, y1, x2, y2] = endsOf(placed, transform);
    context.globalAlpha = 0.35;
    context.lineWidth = 13;
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
    context.globalAlpha = 1;
  }
}

function drawParticles(context: CanvasRenderingContext2D, { particles, transform, palette }: Scene): void {
  for (const { particle, progress } of particles) {
    const [x1, y1, x2, y2] = endsOf(particle.channel, transform);
    const along = particle.isForward ? progress : 1 - progress;
    context.beginPath();
    context.arc(x1 + (x2 - x1) * along, y1 + (y2 - y1) * along, particle.isReturn ? 3 : 4.5, 0, 2 * Math.PI);
    context.fillStyle = particle.isReturn ? palette.good : palette.text;
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = palette.surface;
    context.stroke();
  }
}

function drawNodes(context: CanvasRenderingContext2D, scene: Scene): void {
  const { nodes, transform, palette, selectedNode, hovered } = scene;
  for (const { id, node, degree, x, y } of nodes) {
    const [left, top] = [x * transform.k + transform.x, y * transform.k + transform.y];
    const radius = radiusOf(degree, transform.k);
    if (left < -20 || top < -20 || left > scene.width + 20 || top > scene.height + 20) continue;
    context.beginPath();
    context.arc(left, top, radius, 0, 2 * Math.PI);
    const isDown = node.state === 'down';
    context.fillStyle = isDown || node.state === 'starting' ? palette.surface : node.isOwn ? palette.accent : palette.node;
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = isDown ? palette.bad : node.isOwn ? palette.accent : palette.strongLine;
    context.stroke();
    if (isDown) cross(context, left, top, radius * 0.45);
    if (id !== selectedNode && id !== hovered) continue;
    context.beginPath();
    context.arc(left, top, radius + 4.5, 0, 2 * Math.PI);
    context.lineWidth = id === selectedNode ? 3 : 1.5;
    context.strokeStyle = palette.accent;
    context.stroke();
  }
}

function cross(context: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  context.beginPath();
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x + size, y - size);
  context.lineTo(x - size, y + size);
  context.stroke();
}

/** So many names can be read; of more nodes, those with the most channels have theirs. */
const MOST_NAMES = 60;

function drawNames(context: CanvasRenderingContext2D, scene: Scene): void {
  const { nodes, transform, palette, selectedNode, hovered, width, height } = scene;
  context.font = '13px system-ui, sans-serif';
  context.textAlign = 'center';
  context.textBaseline = 'top';
  context.lineJoin = 'round';
  context.lineWidth = 3;
  context.strokeStyle = palette.surface;
  context.fillStyle = palette.text;
  const isOnScreen = ({ x, y }: PlacedNode): boolean => {
    const [left, top] = [x * transform.k + transform.x, y * transform.k + transform.y];
    return left > 0 && top > 0 && left < width && top < height;
  };
  const seen = nodes.filter(isOnScreen);
  const degrees = seen.map(({ degree }) => degree).sort((a, b) => b - a);
  const least = seen.length <= MOST_NAMES ? 0 : Math.max(degrees[Math.min(degrees.length - 1, 24)] ?? 0, 1);
  let left = MOST_NAMES;
  for (const placed of seen) {
    const isMarked = placed.id === selectedNode || placed.id === hovered || placed.node.isOwn;
    if (!isMarked && (placed.degree < least || left-- <= 0)) continue;
    const [x, y] = [placed.x * transform.k + transform.x, placed.y * transform.k + transform.y + radiusOf(placed.degree, transform.k) + 4];
    context.strokeText(placed.node.name, x, y);
    context.fillText(placed.node.name, x, y);
  }
}
