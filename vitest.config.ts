import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // The same tests on a real bitcoind: see there.
    setupFiles: process.env.RUNNEL_CHAIN === 'bitcoind' ? ['test/harness/on-bitcoind.ts'] : [],
    pool: 'forks',
    maxWorkers: 2,
    // Nothing here keeps state in a module: files share what they import, which costs a third of all tests' time otherwise.
    isolate: false,
  },
});
