/** The pictures in the README, of a real cluster: made by `./scripts/screenshots`, and skipped where that did not ask for them. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startDashboard } from '../../src/cluster/dashboard.ts';
import type { NodeProcess } from '../../src/cluster/node-process.ts';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import { Traffic } from '../../src/cluster/traffic.ts';
import { describeInBrowser, startBrowser, Visitor } from '../harness/browser.ts';
import { startTestCluster } from '../harness/cluster.ts';

const folder = process.env.RUNNEL_SCREENSHOTS;

const edge = (opener: number, accepter: number, capacitySat: bigint) => ({ opener, accepter, capacitySat });
const edges = [
  edge(0, 1, 10_000_000n),
  edge(1, 2, 10_000_000n),
  edge(2, 3, 10_000_000n),
  edge(3, 4, 10_000_000n),
  edge(0, 4, 1_000_000n),
  edge(1, 3, 1_000_000n),
];

/** What is drawn comes to rest. */
const rest = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1_000));

describeInBrowser('the pictures in the README', () => {
  it.skipIf(folder === undefined)('are taken of the main views', { timeout: 400_000 }, async () => {
    mkdirSync(folder!, { recursive: true });
    const take = (visitor: Visitor, name: string): Promise<unknown> => visitor.page.screenshot({ path: join(folder!, `${name}.png`) });
    const logs = mkdtempSync(join(tmpdir(), 'runnel-screenshots-'));
    const cluster = await startTestCluster(5, edges);
    const traffic = new Traffic(cluster.nodes, new SeededRandom('screenshots'));
    const dashboard = await startDashboard({ cluster, edges, traffic, blockIntervalSeconds: 0, port: 0, logPath: join(logs, 'log') });
    const browser = await startBrowser();
    try {
      dashboard.control.setReady();
      traffic.set(3);
      const [alice, , , dave] = cluster.nodes as [NodeProcess, NodeProcess, NodeProcess, NodeProcess];
      const dark = await Visitor.open(browser, dashboard.link, { width: 1_280, height: 800, theme: 'dark' });
      await dark.goTo('#/mesh');
      await dark.sees('5 nodes, 6 channels');
      await rest(8);
      await take(dark, 'mesh');

      const light = await Visitor.open(browser, dashboard.link, { width: 1_280, height: 800, theme: 'light' });
      await light.goTo('#/@bob/overview');
      await light.seesHeading('bob');
      await rest(2);
      await take(light, 'overview');

      traffic.set(0);
      const { invoice } = await dave.client.invoice({ amountMsat: 2_500_000_000n, description: 'coffee' });
      const paid = await alice.client.pay({ invoice: invoice! });
      await light.goTo(`#/@alice/payment/${paid.paymentHash}`);
      await light.seesHeading(/^Payment/);
      await rest(4);
      await take(light, 'payment');

      const { channels } = await alice.client.channels();
      const channel = channels.find(({ capacitySat }) => capacitySat === 10_000_000n)!;
      await light.goTo(`#/@alice/channel/${channel.channelId}/at/30`);
      await light.seesHeading('Entry 30');
      await rest(2);
      await take(light, 'channel');

      await alice.client.close({ channel: channel.channelId, force: true });
      await cluster.chain.mine(2);
      await dark.page.setViewportSize({ width: 1_280, height: 1_000 });
      await dark.goTo(`#/@alice/channel/${channel.channelId}`);
      await dark.seesHeading('On chain');
      await rest(4);
      await take(dark, 'closing');

      const phone = await Visitor.open(browser, dashboard.link, { width: 390, height: 844 });
      await phone.goTo('#/mesh');
      await rest(3);
      await take(phone, 'phone');
      expect([...dark.offences, ...light.offences, ...phone.offences]).toEqual([]);
    } finally {
      await browser.close();
      await dashboard.close();
      await cluster.stop();
      rmSync(logs, { recursive: true });
    }
  });
});
