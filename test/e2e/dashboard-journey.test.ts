/** The main paths through the dashboard of a real cluster, as a person walks them: with eyes, mouse and keyboard. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startDashboard, type Dashboard } from '../../src/cluster/dashboard.ts';
import { programPath } from '../../src/cluster/programs.ts';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import { Traffic } from '../../src/cluster/traffic.ts';
import { describeInBrowser, startBrowser, Visitor } from '../harness/browser.ts';
import { startTestCluster, type TestCluster } from '../harness/cluster.ts';
import { isThorough } from '../harness/effort.ts';

const TIMEOUT_MS = 90_000;
const [alice, bob, carol] = [0, 1, 2];
const edges = [
  { opener: alice, accepter: bob, capacitySat: 1_000_000n },
  { opener: bob, accepter: carol, capacitySat: 1_000_000n },
];

describeInBrowser("a person at a cluster's dashboard", () => {
  let cluster: TestCluster;
  let dashboard: Dashboard;
  let logs: string;
  let browser: Browser;
  let visitor: Visitor;

  beforeAll(async () => {
    cluster = await startTestCluster(3, edges);
    logs = mkdtempSync(join(tmpdir(), 'runnel-dashboard-'));
    const traffic = new Traffic(cluster.nodes, new SeededRandom('test'));
    dashboard = await startDashboard({ cluster, edges, traffic, blockIntervalSeconds: 0, port: 0, logPath: join(logs, 'log') });
    dashboard.control.setReady();
    browser = await startBrowser();
    visitor = await Visitor.open(browser, dashboard.link, { calm: true });
  }, 150_000);

  afterAll(async () => {
    await browser?.close();
    await dashboard?.close();
    await cluster?.stop();
    if (logs !== undefined) rmSync(logs, { recursive: true });
  });

  /** Chooses a node or a channel in the mesh's lists. */
  async function select(list: 'Nodes' | 'Channels', name: RegExp): Promise<void> {
    await visitor.goTo('#/mesh');
    await listed(list, name).click();
  }

  const listed = (list: 'Nodes' | 'Channels', name: RegExp) => visitor.find('listbox', list).getByRole('option', { name });

  async function mine(blocks: number): Promise<void> {
    const goal = (await cluster.chain.height()) + blocks;
    await visitor.goTo('#/mesh');
    await visitor.clicks('button', 'Mine blocks');
    await visitor.fills('Blocks', String(blocks));
    await visitor.clicks('button', /^Mine$/);
    await visitor.sees(`The chain has ${goal}`);
    await vi.waitFor(async () => {
      const infos = await Promise.all(cluster.nodes.map(({ client }) => client.getinfo()));
      for (const { blockHeight } of infos) expect(blockHeight).toBe(goal);
    }, TIMEOUT_MS);
  }

  it('comes in by the link, whose token is not left in the address', { timeout: TIMEOUT_MS }, async () => {
    await visitor.seesHeading('Cluster');
    await visitor.sees('live');
    expect(visitor.page.url()).not.toContain('token');
    await visitor.clicks('link', 'Mesh');
    await visitor.sees('3 nodes, 2 channels');
  });

  it('pays over two hops by keyboard, and looks at the way that the payment took', { timeout: TIMEOUT_MS }, async () => {
    await listed('Nodes', /^alice/).focus();
    await visitor.press('End');
    await visitor.seesHeading('carol');
    await visitor.find('button', 'Invoice and pay').focus();
    await visitor.press('Enter');
    await visitor.fills('Amount in sat', '25000');
    await visitor.press('Enter');
    await visitor.sees(/^25.000(\.000)? sat paid, for a fee of 3\.500 sat/);
    await visitor.goTo('#/@alice/payments');
    await visitor.page.getByRole('rowheader').getByRole('link').first().click();
    await visitor.seesHeading(/^Payment/);
    const route = visitor.page.getByRole('list', { name: 'Route' });
    // The hops come with the payment, their names with the mesh.
    await vi.waitFor(async () => {
      expect(await route.getByRole('listitem').allTextContents()).toEqual([
        expect.stringMatching(/^alice.*pays/),
        expect.stringMatching(/^bob.*keeps/),
        expect.stringMatching(/^carol/),
      ]);
    }, TIMEOUT_MS / 3);
    await visitor.sees('Learnt from it:');
  });

  it('opens a channel, and sees it become usable', { timeout: TIMEOUT_MS }, async () => {
    await select('Nodes', /^carol/);
    await visitor.clicks('button', 'Open channel');
    await visitor.fills('Capacity in sat', '500000');
    await visitor.clicks('button', /^Open$/);
    await visitor.sees('The channel with carol is being opened');
    await mine(6);
    await vi.waitFor(async () => {
      const { channels } = await cluster.nodes[alice]!.client.channels({ state: 'normal' });
      expect(channels).toHaveLength(2);
    }, TIMEOUT_MS);
    await visitor.sees('3 nodes, 3 channels');
  });

  it('kills a node, sees it down, and starts it again', { timeout: TIMEOUT_MS }, async () => {
    await select('Nodes', /^bob/);
    await visitor.clicks('button', 'Kill');
    await visitor.sees('bob is killed');
    await listed('Nodes', /^bob.*down/).waitFor();
    await visitor.clicks('button', 'Start');
    await visitor.sees('bob is started');
    await listed('Nodes', /^bob.*up/).waitFor();
  });

  it('cuts a link, and mends it', { timeout: TIMEOUT_MS }, async () => {
    await select('Channels', /^(bob – carol|carol – bob)/);
    await visitor.clicks('button', 'Cut the link');
    await visitor.sees(/^The link between .* is cut/);
    await visitor.clicks('button', 'Mend the link');
    await visitor.sees(/^The link between .* is mended/);
  });

  it('goes back in the journal of a channel by the arrow keys, and returns to now', { timeout: TIMEOUT_MS }, async () => {
    await visitor.goTo('#/@alice/channels');
    await visitor.page.getByRole('rowheader').getByRole('link', { name: 'bob' }).click();
    await visitor.seesHeading('Channel with bob');
    await visitor.seesHeading('Our commitment');
    await visitor.page.getByRole('slider').focus();
    await visitor.press('Home');
    await visitor.sees(/^entry 0 of/);
    await visitor.press('ArrowRight', 'ArrowRight');
    await visitor.sees(/^entry 2 of/);
    await visitor.seesHeading('Entry 2');
    await visitor.seesHeading(/accept.channel/);
    await visitor.sees(/^dust.limit/i);
    await visitor.clicks('button', 'Now');
    await visitor.sees(/entries in the journal$/);
  });

  it('closes a channel by force, and watches it to its end', { timeout: 2 * TIMEOUT_MS }, async () => {
    const before = await cluster.nodes[alice]!.client.balance();
    const { channels: open } = await cluster.nodes[alice]!.client.channels();
    const { localMsat } = open.find(({ nodeId }) => nodeId === cluster.nodes[bob]!.id)!;
    await visitor.clicks('button', /^Force close/);
    await visitor.find('dialog', /by force/).getByRole('button', { name: 'Force close' }).click();
    await visitor.seesHeading('Why it closed');
    await visitor.sees('told to close');
    const { place } = visitor;

    await mine(1);
    await visitor.goTo(place);
    await visitor.seesHeading('On chain');
    await visitor.sees(/^1 of 100 confirmations/);
    await visitor.sees(/blocks until its delay ends/);

    await mine(150);
    await mine(110);
    await visitor.goTo(place);
    await visitor.find('heading', /^Channel with bob/).waitFor();
    await vi.waitFor(async () => {
      const { channels } = await cluster.nodes[alice]!.client.channels({ closed: true });
      expect(channels.map(({ state }) => state).sort()).toEqual(['closed', 'normal']);
    }, TIMEOUT_MS);
    await visitor.sees(/^closed/);
    const after = await cluster.nodes[alice]!.client.balance();
    const gainedSat = after.onchain.confirmedSat - before.onchain.confirmedSat;
    // All of hers but what the commitment, its anchors, its bump and the sweep cost.
    const costSat = localMsat / 1_000n - gainedSat;
    expect(Number(costSat)).toBeGreaterThan(0);
    expect(Number(costSat)).toBeLessThan(5_000);
  });

  it('gives out its journals, of which a tampered one is found out', { timeout: TIMEOUT_MS }, async () => {
    const runnel = (...args: readonly string[]) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [programPath('runnel'), ...args], { encoding: 'utf8' });
      return { status, text: stdout + stderr };
    };
    const { channels } = await cluster.nodes[alice]!.client.channels({ closed: true });
    const { channelId } = channels.find(({ state }) => state === 'closed')!;
    const files = [alice, bob].map((node) => {
      const file = join(logs, `${node}.audit`);
      expect(runnel('--datadir', cluster.nodes[node]!.options.dataDir, 'audit', 'export', channelId, '--out', file)).toMatchObject({ status: 0 });
      expect(runnel('audit', 'verify', file)).toMatchObject({ status: 0 });
      return file;
    });
    expect(runnel('audit', 'compare', ...files)).toMatchObject({ status: 0 });
    const lines = readFileSync(files[0]!, 'utf8').split('\n');
    const amount = lines.findIndex((line) => line.includes('"toLocalMsat"') && line.includes('"created"'));
    lines[amount] = lines[amount]!.replace('"isOpener":true', '"isOpener":false');
    writeFileSync(files[0]!, lines.join('\n'));
    expect(runnel('audit', 'verify', files[0]!)).toMatchObject({ status: 1, text: expect.stringMatching(/^ +entry +0$/m) });
  });

  it('found nothing that a page must not do', () => {
    expect(visitor.offences).toEqual([]);
  });

  // These take most of two minutes; one node's dashboard, whose parts are the same, is looked at each time.
  for (const theme of ['light', 'dark'] as const) {
    it.runIf(isThorough)(`can be used by everybody: axe finds no fault with the main views, ${theme}`, { timeout: TIMEOUT_MS }, async () => {
      const other = await Visitor.open(browser, dashboard.link, { theme, calm: true });
      const { channels } = await cluster.nodes[alice]!.client.channels({ closed: true });
      const { payments } = await cluster.nodes[alice]!.client.payments();
      const views = [
        ['#/mesh', 'Mesh'],
        ['#/overview', /./],
        ['#/@alice/overview', 'alice'],
        ...channels.map(({ channelId }) => [`#/@alice/channel/${channelId}`, /^Channel with/] as const),
        [`#/@alice/payment/${payments[0]!.paymentHash}`, /^Payment/],
        ['#/charts', 'Statecharts'],
      ] as const;
      for (const [place, heading] of views) {
        await other.goTo(place);
        await other.seesHeading(heading);
        expect([place, await other.accessibilityProblems()]).toEqual([place, []]);
      }
      await other.leave();
      expect(other.offences).toEqual([]);
    });
  }
});
