/** The mesh on its canvas: draws when something moves or changes, and never otherwise. */
import { select } from 'd3-selection';
import { zoom, zoomIdentity, type ZoomBehavior } from 'd3-zoom';
import { draw } from './draw.ts';
import type { Transform } from './geometry.ts';
import { hitAt, type Hit } from './hit.ts';
import { Layout, type PlacedNode } from './layout.ts';
import type { Mesh } from './model.ts';
import { paletteOf, type Palette } from './palette.ts';
import { Particles } from './particles.ts';

export interface Marks {
  readonly selectedNode?: string | undefined;
  readonly selectedChannel?: string | undefined;
  readonly route?: ReadonlySet<string>;
}

/** What layout may take of a frame. */
const LAYOUT_MS = 9;
const MARGIN = 48;
/** Below, where the legend and the buttons are. */
const FOOT = 90;
const NO_ROUTE: ReadonlySet<string> = new Set();

export class MeshCanvas {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #onSelect: (hit: Hit | undefined) => void;
  readonly #layout = new Layout();
  readonly #particles = new Particles();
  readonly #zoom: ZoomBehavior<HTMLCanvasElement, unknown>;
  readonly #calm = matchMedia('(prefers-reduced-motion: reduce)');
  readonly #ends: (() => void)[] = [];
  #palette: Palette;
  #marks: Marks = {};
  #hovered: string | undefined;
  #dragged: PlacedNode | undefined;
  #transform: Transform = zoomIdentity;
  #size = { width: 0, height: 0 };
  /** The whole mesh stays in view until somebody zooms or pans. */
  #isFitted = true;
  #frame: number | undefined;

  constructor(canvas: HTMLCanvasElement, onSelect: (hit: Hit | undefined) => void) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d', { alpha: false }) as CanvasRenderingContext2D;
    this.#onSelect = onSelect;
    this.#palette = paletteOf(document.body);
    this.#zoom = zoom<HTMLCanvasElement, unknown>()
      .scaleExtent([0.05, 8])
      // Asked of the element itself, it would be laid out anew with every frame.
      .extent(() => [[0, 0], [this.#size.width, this.#size.height]])
      .filter((event: MouseEvent) => event.type === 'wheel' || (!event.button && this.#nodeOf(event) === undefined))
      .on('zoom', ({ transform, sourceEvent }: { transform: Transform; sourceEvent: unknown }) => {
        this.#transform = transform;
        if (sourceEvent !== null && sourceEvent !== undefined) this.#isFitted = false;
        this.redraw();
      });
    select(canvas).call(this.#zoom);
    this.#listen();
  }

  take(mesh: Mesh): void {
    this.#layout.take(mesh);
    if (this.#calm.matches) while (this.#layout.isMoving) this.#layout.tick();
    this.redraw();
  }

  mark(marks: Marks): void {
    this.#marks = marks;
    this.redraw();
  }

  /** An HTLC runs along a channel, away from a node; or back to it. */
  pulse(channelKey: string, fromId: string, isReturn: boolean, delayMs = 0): void {
    const channel = this.#layout.channel(channelKey);
    if (channel === undefined || this.#calm.matches || document.hidden) return;
    const isForward = (channel.source.id === fromId) !== isReturn;
    this.#particles.add({ channel, isForward, isReturn, startMs: performance.now() + delayMs });
    this.redraw();
  }

  zoomBy(factor: number): void {
    this.#isFitted = false;
    select(this.#canvas).call(this.#zoom.scaleBy, factor);
  }

  fit(): void {
    this.#isFitted = true;
    this.redraw();
  }

  /** Brings a node into view where it is not. */
  reveal(id: string): void {
    const node = this.#layout.node(id);
    if (node === undefined || this.#isFitted) return;
    const { k, x, y } = this.#transform;
    const [left, top] = [node.x * k + x, node.y * k + y];
    const isSeen = left > MARGIN && top > MARGIN && left < this.#size.width - MARGIN && top < this.#size.height - MARGIN;
    if (!isSeen) select(this.#canvas).call(this.#zoom.translateTo, node.x, node.y);
  }

  redraw(): void {
    this.#frame ??= requestAnimationFrame((now) => this.#tick(now));
  }

  destroy(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    for (const end of this.#ends) end();
    select(this.#canvas).on('.zoom', null);
  }

  #tick(now: number): void {
    this.#frame = undefined;
    const until = performance.now() + LAYOUT_MS;
    while (this.#layout.isMoving && performance.now() < until) this.#layout.tick();
    if (this.#isFitted) this.#fitNow();
    const { devicePixelRatio } = window;
    this.#context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    draw(this.#context, {
      ...this.#size,
      transform: this.#transform,
      nodes: this.#layout.nodes,
      channels: this.#layout.channels,
      particles: this.#particles.at(now),
      selectedNode: this.#marks.selectedNode,
      selectedChannel: this.#marks.selectedChannel,
      route: this.#marks.route ?? NO_ROUTE,
      hovered: this.#hovered,
      palette: this.#palette,
    });
    if (this.#layout.isMoving || !this.#particles.isEmpty) this.redraw();
  }

  #fitNow(): void {
    const { nodes } = this.#layout;
    const { width, height } = this.#size;
    if (nodes.length === 0 || width === 0) return;
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const { x, y } of nodes) {
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
    const k = Math.min(2.2, (width - 2 * MARGIN) / (right - left || 1), (height - MARGIN - FOOT) / (bottom - top || 1));
    const [x, y] = [width / 2 - ((left + right) / 2) * k, (height + MARGIN - FOOT) / 2 - ((top + bottom) / 2) * k];
    const now = this.#transform;
    if (now.k === k && now.x === x && now.y === y) return;
    select(this.#canvas).call(this.#zoom.transform, zoomIdentity.translate(x, y).scale(k));
  }

  #hitOf(event: MouseEvent): Hit | undefined {
    const { left, top } = this.#canvas.getBoundingClientRect();
    return hitAt({ nodes: this.#layout.nodes, channels: this.#layout.channels, transform: this.#transform }, event.clientX - left, event.clientY - top);
  }

  #nodeOf(event: MouseEvent): PlacedNode | undefined {
    const hit = this.#hitOf(event);
    return hit !== undefined && 'node' in hit ? hit.node : undefined;
  }

  #listen(): void {
    const on = <Type extends keyof HTMLElementEventMap>(type: Type, listener: (event: HTMLElementEventMap[Type]) => void): void => {
      this.#canvas.addEventListener(type, listener);
      this.#ends.push(() => this.#canvas.removeEventListener(type, listener));
    };
    on('click', (event) => this.#onSelect(this.#hitOf(event)));
    on('pointerdown', (event) => {
      const node = this.#nodeOf(event);
      // A finger pans and zooms.
      if (event.button !== 0 || event.pointerType === 'touch' || node === undefined) return;
      this.#dragged = node;
      this.#canvas.setPointerCapture(event.pointerId);
    });
    on('pointermove', (event) => this.#move(event));
    on('pointerup', () => this.#drop());
    on('pointercancel', () => this.#drop());
    on('pointerleave', () => this.#hover(undefined));

    const resized = new ResizeObserver(() => this.#resize());
    resized.observe(this.#canvas);
    const recolour = (): void => {
      this.#palette = paletteOf(document.body);
      this.redraw();
    };
    const themed = new MutationObserver(recolour);
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', recolour);
    this.#ends.push(
      () => resized.disconnect(),
      () => themed.disconnect(),
      () => dark.removeEventListener('change', recolour),
    );
  }

  #move(event: PointerEvent): void {
    if (this.#dragged !== undefined) {
      const { left, top } = this.#canvas.getBoundingClientRect();
      const { k, x, y } = this.#transform;
      this.#dragged.fx = (event.clientX - left - x) / k;
      this.#dragged.fy = (event.clientY - top - y) / k;
      this.#isFitted = false;
      this.#layout.warm();
      this.redraw();
      return;
    }
    if (event.pointerType !== 'touch' && event.buttons === 0) this.#hover(this.#hitOf(event));
  }

  #hover(hit: Hit | undefined): void {
    const id = hit !== undefined && 'node' in hit ? hit.node.id : undefined;
    this.#canvas.style.cursor = hit === undefined ? 'grab' : 'pointer';
    if (id === this.#hovered) return;
    this.#hovered = id;
    this.redraw();
  }

  #drop(): void {
    if (this.#dragged === undefined) return;
    this.#dragged.fx = null;
    this.#dragged.fy = null;
    this.#dragged = undefined;
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    this.#size = { width, height };
    this.#canvas.width = Math.round(width * devicePixelRatio);
    this.#canvas.height = Math.round(height * devicePixelRatio);
    this.redraw();
  }
}
