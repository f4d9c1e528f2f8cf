import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TOKEN } from './api-fake-node.ts';
import { dataDir, makeFolder, run, runnel, server, start, stop } from './cli-harness.ts';

describe('runnel dashboard', () => {
  beforeEach(makeFolder);
  afterEach(stop);

  it('prints the link with the token', async () => {
    await start();
    const url = `http://127.0.0.1:${server?.port}/#token=${TOKEN}`;
    expect(await runnel('dashboard')).toEqual({ status: 0, stdout: `${url}\n`, stderr: '' });
    expect(JSON.parse((await runnel('dashboard', '--json')).stdout)).toEqual({ url });
  });

  it('says what to do where no node runs', async () => {
    const { status, stderr } = await runnel('dashboard');
    expect([status, stderr]).toEqual([3, expect.stringContaining('no node runs')]);
  });

  it('opens it without telling other users of the machine: the token stands in a file of the owner, not on a command line', async () => {
    await start();
    const browser = join(dataDir, 'browser');
    writeFileSync(browser, `#!/bin/sh\necho "$@" >"${dataDir}/opened.new" && mv "${dataDir}/opened.new" "${dataDir}/opened"\n`);
    chmodSync(browser, 0o700);
    const { status } = await run(['dashboard', '--open'], { environment: { RUNNEL_DIR: dataDir, BROWSER: browser } });
    expect(status).toBe(0);
    await vi.waitUntil(() => existsSync(join(dataDir, 'opened')), { timeout: 10_000 });
    const opened = readFileSync(join(dataDir, 'opened'), 'utf8').trim();
    expect(opened).toMatch(/^file:.*dashboard\.html$/);
    expect(opened).not.toContain(TOKEN);
    const page = join(dataDir, 'dashboard.html');
    expect(readFileSync(page, 'utf8')).toContain(`url=http://127.0.0.1:${server?.port}/#token=${TOKEN}"`);
    expect(statSync(page).mode & 0o777).toBe(0o600);
  });

  it('says so where there is no browser', async () => {
    await start();
    const { status, stderr } = await run(['dashboard', '--open'], {
      environment: { RUNNEL_DIR: dataDir, BROWSER: join(dataDir, 'none') },
    });
    expect([status, stderr]).toEqual([1, expect.stringContaining('no browser could be opened')]);
  });
});
