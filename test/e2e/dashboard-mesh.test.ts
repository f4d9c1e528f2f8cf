/** The dashboard of a cluster of hundreds of nodes, whose nodes and chain are made up. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeInBrowser, startBrowser, Visitor } from '../harness/browser.ts';
import { startSyntheticMesh, type SyntheticMesh } from '../harness/synthetic-mesh.ts';

/** Counts what the page draws. */
const COUNT_FRAMES = `
  globalThis.frames = 0;
  const original = requestAnimationFrame;
  globalThis.requestAnimationFrame = (callback) => original((time) => { globalThis.frames++; callback(time); });
`;

describeInBrowser('a mesh of 300 nodes', () => {
  let browser: Browser;
  let mesh: SyntheticMesh;
  let visitor: Visitor;

  beforeAll(async () => {
    browser = await startBrowser();
    mesh = await startSyntheticMesh(300, 1_200);
  });
  afterAll(async () => {
    await browser?.close();
    await mesh?.close();
  });

  const frames = (): Promise<number> => visitor.page.evaluate('globalThis.frames');
  const comesToRest = (quietMs: number): Promise<unknown> =>
    visitor.page.waitForFunction(
      `new Promise((resolve) => { const before = globalThis.frames; setTimeout(() => resolve(globalThis.frames === before), ${quietMs}); })`,
      undefined,
      { timeout: 100_000 },
    );

  it('is drawn with all channels, follows payments, and draws nothing where nothing moves', { timeout: 200_000 }, async () => {
    visitor = await Visitor.open(browser, mesh.link);
    await visitor.page.addInitScript(COUNT_FRAMES);
    await visitor.page.reload();
    await visitor.goTo('#/mesh');
    await visitor.find('img', /300 nodes, 6 of them down/).waitFor();
    // Of each channel one end at least is up, or nobody tells of it.
    await visitor.find('img', /(11[89]\d|1200) channels/).waitFor({ timeout: 100_000 });
    await comesToRest(3_000);
    const atRest = await frames();
    expect(atRest).toBeGreaterThan(0);
    mesh.pay(1_000);
    await expect.poll(frames, { timeout: 20_000 }).toBeGreaterThan(atRest);
    await comesToRest(1_500);
    await visitor.fills('Search nodes and channels', 'node29');
    await visitor.find('listbox', 'Nodes').getByRole('option', { name: /^node299/ }).waitFor();
    expect(visitor.offences).toEqual([]);
  });
});
