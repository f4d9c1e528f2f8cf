/** Builds the dashboard (src/dashboard/web) into dist/dashboard. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';
import { contract, methodNames } from './src/api/contract.ts';

const METHODS = 'virtual:api-methods';

/** The API's table of methods for the browser, without the schemas: `{ getinfo: 'GET /v1/info' }`. */
function apiMethods(): Plugin {
  return {
    name: 'api-methods',
    resolveId: (id) => (id === METHODS ? `\0${METHODS}` : undefined),
    load(id) {
      if (id !== `\0${METHODS}`) return undefined;
      const routes = methodNames.map((name) => [name, `${contract[name].http.method} ${contract[name].http.path}`]);
      return `export const routes = ${JSON.stringify(Object.fromEntries(routes))};`;
    },
  };
}

/** Each asset once more, compressed, as the server gives it to browsers. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    writeBundle({ dir = '' }) {
      const assets = join(dir, 'assets');
      for (const name of readdirSync(assets)) {
        const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
        writeFileSync(join(assets, `${name}.br`), brotliCompressSync(readFileSync(join(assets, name)), quality));
      }
    },
  };
}

export default defineConfig({
  root: 'src/dashboard/web',
  publicDir: false,
  plugins: [apiMethods(), compressed()],
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  build: {
    outDir: '../../../dist/dashboard',
    emptyOutDir: true,
    target: 'es2022',
    // The page's policy forbids anything that stands in the page itself.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
