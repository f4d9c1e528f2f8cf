import { useEffect, useRef } from 'preact/hooks';
import { MeshCanvas, type Marks } from './mesh-canvas.ts';
import type { Hit } from './hit.ts';
import type { Mesh } from './model.ts';

/** The mesh as a picture. What it shows stands in lists beside it as well, for those who do not see it. */
export function MeshView(props: {
  readonly mesh: Mesh;
  readonly marks: Marks;
  readonly onSelect?: (hit: Hit | undefined) => void;
  /** Is given the canvas once it is there. */
  readonly onReady?: (canvas: MeshCanvas) => void;
}) {
  const { mesh, marks } = props;
  const element = useRef<HTMLCanvasElement>(null);
  const drawn = useRef<MeshCanvas | undefined>(undefined);
  const select = useRef(props.onSelect);
  select.current = props.onSelect;

  useEffect(() => {
    if (element.current === null) return undefined;
    const canvas = new MeshCanvas(element.current, (hit) => select.current?.(hit));
    drawn.current = canvas;
    props.onReady?.(canvas);
    return () => canvas.destroy();
  }, []);
  useEffect(() => drawn.current?.take(mesh), [mesh]);
  useEffect(() => drawn.current?.mark(marks), [marks.selectedNode, marks.selectedChannel, marks.route]);

  const down = [...mesh.nodes.values()].filter(({ state }) => state === 'down').length;
  const label = `The mesh: ${mesh.nodes.size} nodes${down > 0 ? `, ${down} of them down` : ''}, ${mesh.channels.size} channels`;
  return (
    <div class="mesh">
      <canvas ref={element} role="img" aria-label={label} />
      <ul class="mesh-legend" aria-label="Legend">
        <li>
          <span class="key-bar" aria-hidden="true" /> balances: each side's share lies on its side
        </li>
        <li>
          <span class="key-line" aria-hidden="true" /> opening, offline or closing
        </li>
        <li>
          <span class="key-dot" aria-hidden="true" /> HTLC <span class="key-dot back" aria-hidden="true" /> and its answer
        </li>
      </ul>
      <div class="mesh-zoom">
        <button type="button" aria-label="Zoom in" onClick={() => drawn.current?.zoomBy(1.4)}>
          +
        </button>
        <button type="button" aria-label="Zoom out" onClick={() => drawn.current?.zoomBy(1 / 1.4)}>
          −
        </button>
        <button type="button" onClick={() => drawn.current?.fit()}>
          Fit
        </button>
      </div>
    </div>
  );
}
