/** The dashboard's files on an API server: what the build made, which holds no secret, with headers that keep it to itself. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fastifyStatic } from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { ApiError } from '../api/errors.ts';

/** What serves the dashboard: one node, or a whole cluster. */
export type DashboardKind = 'node' | 'cluster';

export interface DashboardOptions {
  readonly kind: DashboardKind;
  readonly version: string;
  /** Where the build put it; `dist/dashboard` of this package by default. */
  readonly folder?: string;
}

/** Nothing but what this server itself gives is loaded, run or shown, and no other page may hold this one. */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

/**
 * Adds `/`, `/assets/*`, `/charts/*` and `/dashboard.json`, all of them public. A path under them that is no file goes to
 * the server's own handler of what is not found.
 */
export async function addDashboard(app: FastifyInstance, { kind, version, folder = builtFolder() }: DashboardOptions): Promise<void> {
  await app.register(async (scope) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, public: true };
    });
    scope.addHook('onRequest', async (_, reply) => {
      void reply.headers(HEADERS);
    });
    scope.get('/dashboard.json', async (_, reply) => {
      void reply.header('Cache-Control', 'no-store');
      return { kind, version };
    });
    if (folder === undefined) {
      scope.get('/', () => {
        const hint = 'run `npm run build` in the folder of Runnel, and restart';
        throw new ApiError('notFound', 'dashboard_not_built', 'the dashboard is not built here', { hint });
      });
      return;
    }
    // The name of an asset holds a hash of its content; what else there is may change with the next build.
    const forEver = { maxAge: '365d', immutable: true };
    await scope.register(fastifyStatic, { root: join(folder, 'assets'), prefix: '/assets/', preCompressed: true, ...forEver });
    await scope.register(fastifyStatic, { root: join(folder, 'charts'), prefix: '/charts/', decorateReply: false });
    scope.get('/', (_, reply) => reply.sendFile('index.html', folder, { maxAge: 0, immutable: false }));
  });
}

/** From beside the compiled program, or from where this file runs uncompiled. */
function builtFolder(): string | undefined {
  const folders = ['../../dashboard', '../../dist/dashboard'].map((path) => fileURLToPath(new URL(path, import.meta.url)));
  return folders.find((folder) => existsSync(join(folder, 'index.html')));
}
