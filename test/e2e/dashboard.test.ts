/** A node's dashboard as a person meets it: a real API server before a node whose answers are made up, and headless Chromium. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { z } from 'zod';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { contract, type Api, type MethodName, type Output } from '../../src/api/contract.ts';
import { ApiError } from '../../src/api/errors.ts';
import type { ApiServer } from '../../src/api/server.ts';
import { describeInBrowser, startBrowser, Visitor, type Look } from '../harness/browser.ts';
import { isThorough } from '../harness/effort.ts';
import { exampleOutput, fakeNode, serve, TOKEN, type FakeNode } from '../unit/api-fake-node.ts';

/** What a stranger may call a node, hoping that somebody shows it as it stands. */
const HOSTILE = '<img src=x onerror=alert(1)>\u202e"><script>alert(2)</script>\u0000\n';
const BUILT = join(import.meta.dirname, '../../dist/dashboard/index.html');
const FIRST_VIEW_BYTES = 200_000;

/** An example's answer with some of it changed, in the form in which it goes over the wire. */
function answer<Name extends MethodName>(name: Name, change: (example: z.input<(typeof contract)[Name]['output']>) => unknown): Output<Name> {
  const example = structuredClone(contract[name].example.output) as z.input<(typeof contract)[Name]['output']>;
  return z.decode(contract[name].output as z.ZodType, change(example)) as Output<Name>;
}

const channelId = contract.channel.example.output.channelId;
const paymentHash = contract.payment.example.output.paymentHash;

/** Every text that comes from others is hostile. */
const hostile: Partial<Api> = {
  getinfo: async () => answer('getinfo', (info) => ({ ...info, alias: HOSTILE })),
  overview: async () =>
    answer('overview', (view) => ({
      ...view,
      alias: HOSTILE,
      liquidity: view.liquidity.map((channel) => ({ ...channel, alias: HOSTILE })),
      alarms: view.alarms.map((alarm) => ({ ...alarm, message: HOSTILE })),
    })),
  channels: async () => answer('channels', ({ channels }) => ({ channels: channels.map((channel) => ({ ...channel, alias: HOSTILE })) })),
  channel: async () => answer('channel', (channel) => ({ ...channel, alias: HOSTILE, error: HOSTILE })),
  graph: async () => answer('graph', ({ nodes, channels }) => ({ nodes: nodes.map((node) => ({ ...node, alias: HOSTILE })), channels })),
  payments: async () => answer('payments', ({ total, payments }) => ({ total, payments: payments.map((payment) => ({ ...payment, description: HOSTILE })) })),
  payment: async () => answer('payment', (payment) => ({ ...payment, description: HOSTILE })),
  invoices: async () => answer('invoices', ({ total, invoices }) => ({ total, invoices: invoices.map((invoice) => ({ ...invoice, description: HOSTILE })) })),
};

const places: readonly (readonly [hash: string, heading: RegExp])[] = [
  ['#/overview', /img src/],
  ['#/mesh', /^Mesh$/],
  ['#/channels', /^Channels$/],
  [`#/channel/${channelId}`, /^Channel with/],
  [`#/channel/${channelId}/at/12`, /^Entry 12$/],
  ['#/payments', /^Payments$/],
  [`#/payment/${paymentHash}`, /^Payment/],
  ['#/invoices', /^Invoices$/],
  ['#/charts', /^Statecharts$/],
  ['#/chart/htlc', /^HTLC$/],
];

describeInBrowser("a node's dashboard", () => {
  let browser: Browser;
  let fake: FakeNode;
  let server: ApiServer;
  let visitor: Visitor;

  beforeAll(async () => {
    expect(existsSync(BUILT), `${BUILT} is there: run npm run build before`).toBe(true);
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  const link = (): string => `${server.url}/#token=${TOKEN}`;
  const open = async (look: Look = {}, address = link()): Promise<void> => {
    visitor = await Visitor.open(browser, address, look);
  };
  const startNode = async (overrides: Partial<Api>, port = 0): Promise<void> => {
    fake = fakeNode(overrides);
    server = await serve(fake, undefined, port);
  };
  beforeEach(() => startNode(hostile));
  afterEach(async () => {
    await visitor?.leave();
    await server?.close();
    expect(visitor?.offences).toEqual([]);
  });

  it('takes the token out of the address at once, and keeps it for its tab', async () => {
    await open();
    await visitor.seesHeading(/img src/);
    expect(visitor.place).not.toContain('token');
    await visitor.page.reload();
    await visitor.seesHeading(/img src/);
    expect(visitor.page.url()).not.toContain(TOKEN);
    expect(fake.log).not.toContain(TOKEN);
  });

  it('asks for the token where it has none, refuses what is none, and asks again for one that is wrong', async () => {
    await open({}, `${server.url}/`);
    await visitor.fills('Token', 'abc');
    await visitor.clicks('button', 'Open');
    await visitor.sees('expected 64 hex digits');
    await visitor.fills('Token', 'b2'.repeat(32));
    await visitor.clicks('button', 'Open');
    await visitor.sees('does not know this token');
    await visitor.fills('Token', TOKEN);
    await visitor.clicks('button', 'Open');
    await visitor.seesHeading(/img src/);
    await visitor.clicks('button', 'Sign out');
    await visitor.sees('enter the token');
  });

  it('shows all that strangers have written as text, and loads nothing from elsewhere', async () => {
    await open();
    for (const [hash, heading] of places) {
      await visitor.goTo(hash);
      await visitor.seesHeading(heading);
      expect(await visitor.page.locator('img').count()).toBe(0);
      expect(await visitor.page.evaluate('document.body.innerText')).not.toMatch(/\p{Cf}/u);
    }
    expect(await visitor.page.locator('script').count()).toBe(1);
  });

  it('is small: what its first view fetches fits into 200 kB', async () => {
    await open();
    await visitor.seesHeading(/img src/);
    const sizes = (await visitor.page.evaluate(
      `[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].filter(({ name }) => !name.includes('/v1/')).map(({ encodedBodySize }) => encodedBodySize)`,
    )) as number[];
    expect(sizes.length).toBeGreaterThan(3);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(FIRST_VIEW_BYTES);
  });

  // Axe takes its time: contrast in the dark is left to the thorough run.
  it.each([['light', 'all'] as const, ...(isThorough ? [['dark', 'contrast'] as const] : [])])('has nothing for axe to find, %s (%s)', async (theme, rules) => {
    await open({ theme, calm: true });
    for (const [hash, heading] of places) {
      await visitor.goTo(hash);
      await visitor.seesHeading(heading);
      // The chart of a channel takes axe most of a minute: it is drawn as the others are.
      const without = hash.startsWith('#/channel/') ? '.chart svg' : undefined;
      expect(await visitor.accessibilityProblems(rules, without), hash).toEqual([]);
    }
    await visitor.goTo('#/overview');
    await visitor.clicks('button', 'Pay an invoice');
    expect(await visitor.accessibilityProblems(rules), 'a dialog').toEqual([]);
    await visitor.press('Escape');
    await visitor.clicks('button', 'Sign out');
    expect(await visitor.accessibilityProblems(rules), 'the form for the token').toEqual([]);
  }, 120_000);

  it('has nothing that is wider than the page, down to 360 pixels', async () => {
    await open();
    for (const [hash, heading] of places) {
      await visitor.goTo(hash);
      await visitor.seesHeading(heading);
      for (const width of [768, 360]) {
        await visitor.page.setViewportSize({ width, height: 800 });
        expect(await visitor.page.evaluate('document.documentElement.scrollWidth'), `${hash} at ${width}`).toBeLessThanOrEqual(width);
      }
    }
  });

  it('goes back and forth, and to any place by its address', async () => {
    await open();
    await visitor.clicks('link', 'Payments');
    await visitor.seesHeading('Payments');
    await visitor.clicks('link', 'Statecharts');
    await visitor.seesHeading('Statecharts');
    await visitor.page.goBack();
    await visitor.seesHeading('Payments');
    await visitor.goTo('#/nowhere');
    await visitor.seesHeading('There is no such page');
    await visitor.page.goto(`${server.url}/#/channel/${channelId}/at/12`);
    await visitor.seesHeading('Entry 12');
  });

  it('is used by keyboard: past the head, into the list of the mesh, and along a chart', async () => {
    await open();
    await visitor.seesHeading(/img src/);
    await visitor.press('Tab', 'Enter');
    expect(await visitor.page.evaluate('document.activeElement.id')).toBe('main');
    await visitor.goTo('#/mesh');
    await visitor.find('option', /this node/).focus();
    await visitor.press('ArrowDown');
    await expect.poll(() => visitor.place).toMatch(/node=0[23]/);
    await visitor.goTo('#/chart/htlc');
    await visitor.find('button', 'free').focus();
    await visitor.press('ArrowDown');
    await visitor.sees('Adding an HTLC: we sent update_add_htlc');
  });

  it('does a thing once however often it is clicked, and shows what the node says', async () => {
    await server.close();
    let finish: () => void = () => {};
    const tries: unknown[] = [];
    await startNode({
      ...hostile,
      close: async (input) => {
        tries.push(input);
        await new Promise<void>((resolve) => (finish = resolve));
        throw new ApiError('refused', 'peer_offline', `the peer is offline ${HOSTILE}`, { hint: 'close it by force' });
      },
    });
    await open();
    await visitor.goTo(`#/channel/${channelId}`);
    await visitor.clicks('button', 'Close …');
    await visitor.clicks('button', /^Close$/);
    await visitor.sees('Working …');
    await visitor.find('button', 'Working …').click({ force: true });
    await visitor.find('button', 'Working …').click({ force: true });
    finish();
    await visitor.sees('the peer is offline');
    await visitor.sees('close it by force');
    expect(tries).toHaveLength(1);
  });

  it('pays an invoice, with amounts as they were typed', async () => {
    await open();
    await visitor.clicks('button', 'Pay an invoice');
    await visitor.fills('Invoice', contract.pay.example.input.invoice);
    await visitor.page.locator('dialog').getByText('Until').or(visitor.page.locator('dialog').getByText('Expired')).waitFor();
    await visitor.fills('Amount in sat', '1.2345');
    await visitor.find('button', /^Pay$/).click();
    await visitor.sees('expected an amount in sat');
    await visitor.press('Escape');
    await visitor.clicks('button', 'Pay an invoice');
    expect(await visitor.page.getByText('expected an amount in sat').count()).toBe(0);
    await visitor.fills('Invoice', contract.pay.example.input.invoice);
    await visitor.fills('Amount in sat', '1500.25');
    await visitor.find('button', /^Pay$/).click();
    // The example's payment is one of long ago.
    await visitor.sees(/It was paid already, .*: nothing was sent/);
    expect(fake.calls.filter(({ name }) => name === 'pay')).toMatchObject([{ input: { amountMsat: 1_500_250n } }]);
  });

  it('follows events, says when the connection is lost, and comes back with what is new', async () => {
    await open();
    await visitor.sees('live');
    const asked = (): number => fake.calls.filter(({ name }) => name === 'overview').length;
    await expect.poll(asked).toBeGreaterThan(0);
    const before = asked();
    fake.events.publish({ type: 'block', timeMs: 1, height: 110, hash: 'ab'.repeat(32) });
    await expect.poll(asked).toBeGreaterThan(before);
    const { port } = server;
    await server.close();
    await visitor.sees('The connection is lost');
    await startNode({ ...hostile, overview: async () => exampleOutput('overview') }, port);
    await visitor.seesHeading('alice');
    await visitor.sees('live');
  });
});
