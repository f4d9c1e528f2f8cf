/** `runnel statechart`, without a node and without a data folder. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommandLine } from '../../src/cli/main.ts';
import { chartNames } from '../../src/statechart/names.ts';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'runnel-statechart-'))));
afterEach(() => rmSync(folder, { recursive: true }));

async function statechart(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  const status = await runCommandLine(['--datadir', join(folder, 'none'), 'statechart', ...args], {
    environment: {},
    out: (text) => void (stdout += text),
    err: (text) => void (stderr += text),
  });
  return { status, stdout, stderr };
}

describe('runnel statechart', () => {
  it('lists the charts, for people and as JSON', async () => {
    const people = await statechart();
    expect([people.status, people.stderr]).toEqual([0, '']);
    for (const name of chartNames) expect(people.stdout).toMatch(new RegExp(`^${name}  `, 'm'));
    const { stdout } = await statechart('--json');
    expect((JSON.parse(stdout) as { name: string }[]).map(({ name }) => name)).toEqual(chartNames);
  });

  it('gives a chart as data, and writes it to a file', async () => {
    const { status, stdout } = await statechart('htlc', '--format', 'json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'htlc', states: expect.arrayContaining([expect.objectContaining({ id: 'htlc.free' })]) });
    expect((await statechart('htlc', '--json')).stdout).toBe(stdout);
    const path = join(folder, 'htlc.json');
    expect(await statechart('htlc', '--format', 'json', '--out', path)).toEqual({ status: 0, stdout: '', stderr: `written to ${path}\n` });
    expect(readFileSync(path, 'utf8')).toBe(stdout);
  });

  it('draws a chart, and tells it in Mermaid', async () => {
    const picture = await statechart('no-output');
    expect([picture.status, picture.stderr]).toEqual([0, '']);
    expect(picture.stdout).toMatch(/^<svg .*<\/svg>\n$/s);
    const diagram = await statechart('no-output', '--format', 'mermaid');
    expect(diagram.stdout).toMatch(/^stateDiagram-v2\n/);
    const asJson = await statechart('no-output', '--format', 'svg', '--json');
    expect(JSON.parse(asJson.stdout)).toEqual({ name: 'no-output', format: 'svg', content: picture.stdout });
  });

  it('says what there is when a name or a format is wrong: status 2', async () => {
    const unknown = await statechart('chanel');
    expect([unknown.status, unknown.stdout]).toEqual([2, '']);
    for (const name of chartNames) expect(unknown.stderr).toContain(name);
    const asJson = await statechart('chanel', '--json');
    expect(asJson.status).toBe(2);
    expect(JSON.parse(asJson.stderr)).toMatchObject({ code: 'usage', message: expect.stringContaining('chanel') });
    expect((await statechart('htlc', '--format', 'gif')).status).toBe(2);
    expect((await statechart('--out', 'x')).status).toBe(2);
    expect((await statechart('constructor')).status).toBe(2);
  });
});
