/** The drawings: whole, without overlaps, and the ones in docs/statecharts byte for byte what the machines give now. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { chartOf } from '../../src/statechart/charts.ts';
import { dashboardData, documents, drawAll, type Drawn } from '../../src/statechart/files.ts';
import type { Box, LaidOutChart } from '../../src/statechart/laid-out.ts';
import { layOut } from '../../src/statechart/layout.ts';
import { chartNames, type ChartName } from '../../src/statechart/names.ts';
import { renderSvg } from '../../src/statechart/svg.ts';

const folder = resolve(import.meta.dirname, '../../docs/statecharts');

let all: Drawn[];
beforeAll(async () => void (all = await drawAll()), 120_000);

const drawnOf = (name: ChartName): Drawn => all.find(({ chart }) => chart.name === name)!;

const isIn = (inner: Box, outer: Box): boolean =>
  inner.x >= outer.x && inner.y >= outer.y && inner.x + inner.width <= outer.x + outer.width && inner.y + inner.height <= outer.y + outer.height;
const overlap = (a: Box, b: Box): boolean => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

describe.each(chartNames)('the drawing of %s', (name) => {
  it('has every state in the one around it, and every transition that leads somewhere', () => {
    const { chart, whole: laidOut } = drawnOf(name);
    expect(laidOut.nodes.map(({ id }) => id)).toEqual(chart.states.map(({ id }) => id));
    const boxes = new Map(laidOut.nodes.map((node) => [node.id, node]));
    for (const { id, parent } of chart.states) if (parent !== undefined) expect(isIn(boxes.get(id)!, boxes.get(parent)!), id).toBe(true);
    const drawn = new Set(laidOut.edges.flatMap(({ transitions }) => transitions));
    expect([...drawn].sort()).toEqual(chart.transitions.filter(({ targets }) => targets.length > 0).map(({ id }) => id).sort());
    for (const { x, y } of laidOut.edges.flatMap(({ points }) => points)) expect(isIn({ x, y, width: 0, height: 0 }, { x: 0, y: 0, ...laidOut })).toBe(true);
  });

  it('has no box or label over another', () => {
    const { whole: laidOut } = drawnOf(name);
    const leaves = laidOut.nodes.filter(({ type }) => type === 'atomic' || type === 'final');
    const labels = new Map(
      laidOut.edges.map(({ labelX: x, labelY: y, labelWidth: width, labelHeight: height, label }) => [`${x} ${y}`, { id: label.join(' '), x, y, width, height }]),
    );
    const things = [...leaves, ...laidOut.references, ...labels.values()];
    things.forEach((thing, index) => {
      for (const other of things.slice(index + 1)) expect(overlap(thing, other), `${thing.id} and ${other.id}`).toBe(false);
    });
  });

  it('has no line through a label, or through a box that it neither leaves nor enters', () => {
    const { whole: laidOut } = drawnOf(name);
    const labels = laidOut.edges.filter(({ text }) => text.length > 0).map(({ labelX: x, labelY: y, labelWidth: width, labelHeight: height, label }) => ({ id: label.join(' '), x, y, width, height }));
    const leaves = laidOut.nodes.filter(({ type }) => type === 'atomic' || type === 'final');
    for (const { points, id } of laidOut.edges) {
      points.slice(1).forEach((to, index) => {
        const from = points[index]!;
        const line = { x: Math.min(from.x, to.x), y: Math.min(from.y, to.y), width: Math.abs(from.x - to.x), height: Math.abs(from.y - to.y) };
        // Upright or level, as all are, a line overlaps what it crosses; what it leaves or enters it only touches.
        expect(Math.min(line.width, line.height), id).toBeCloseTo(0);
        for (const thing of [...labels, ...leaves]) expect(overlap(line, thing), `${id} through ${thing.id}`).toBe(false);
      });
    }
  });

  it('is a picture with every state, its description and its lines, and nothing from elsewhere', () => {
    const { chart, whole: laidOut } = drawnOf(name);
    const svg = renderSvg(laidOut);
    for (const { path, label } of chart.states) {
      const [, element = ''] = svg.split(`<g data-state="${path.join('.')}">`);
      expect(element).toMatch(/^<title>[^<]{10,}<\/title><rect /);
      expect(element.split('</g>')[0]).toContain(`>${label}</tspan>`);
    }
    expect(svg).toContain('prefers-color-scheme:dark');
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|href|@import|<script|undefined|NaN/);
  });

  it('has parts, where it is large, that show together what the whole does', () => {
    const { chart, whole, parts } = drawnOf(name);
    const isParallel = chart.states[0]?.type === 'parallel';
    if (parts.length === 0) return;
    expect(parts.flatMap(({ nodes }) => nodes.map(({ id }) => id)).sort()).toEqual(whole.nodes.slice(isParallel ? 1 : 0).map(({ id }) => id).sort());
    expect(parts.flatMap(({ edges }) => edges.map(({ id }) => id)).sort()).toEqual(whole.edges.map(({ id }) => id).sort());
    for (const part of parts) expect(part.width).toBeLessThan(1_400);
  });

  it('is data for the dashboard', () => {
    const data = JSON.parse(dashboardData(all).get(`${name}.json`) ?? '') as LaidOutChart;
    expect(data).toMatchObject({ name, nodes: drawnOf(name).whole.nodes.map(({ id }) => ({ id })) });
    expect(renderSvg(data) === renderSvg(drawnOf(name).whole), 'the same picture').toBe(true);
  });
});

describe('docs/statecharts', () => {
  it('has what the machines give: after a change of one, run ./scripts/statecharts', () => {
    const files = documents(all);
    expect(readdirSync(folder).sort()).toEqual([...files.keys()].sort());
    for (const [name, text] of files) expect(readFileSync(join(folder, name), 'utf8') === text, `${name} has drifted: run ./scripts/statecharts`).toBe(true);
  });

  it('is drawn the same every time', async () => {
    expect((await layOut(await chartOf('peer'))).whole).toEqual(drawnOf('peer').whole);
  });
});
