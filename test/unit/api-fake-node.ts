/**
 * A node that answers each method of the API with the contract's own example, for tests of what stands in front of the
 * node.
 */
import { z } from 'zod';
import { contract, methodNames, type Api, type MethodName } from '../../src/api/contract.ts';
import { EventHub } from '../../src/api/events.ts';
import { startApiServer, type ApiServer } from '../../src/api/server.ts';
import { createLogger, type Logger } from '../../src/logging.ts';
import type { Clock } from '../../src/runtime/clock.ts';

export const TOKEN = 'a1'.repeat(32);

export interface FakeNode {
  readonly api: Api;
  readonly events: EventHub;
  /** What was asked, in order. */
  readonly calls: { name: MethodName; input: unknown }[];
  /** What the daemon logged, as JSON lines. */
  log: string;
  readonly logger: Logger;
}

export function exampleOutput<Name extends MethodName>(name: Name): Awaited<ReturnType<Api[Name]>> {
  return z.decode(contract[name].output as z.ZodType, contract[name].example.output) as Awaited<ReturnType<Api[Name]>>;
}

export function fakeNode(overrides: Partial<Api> = {}): FakeNode {
  const calls: FakeNode['calls'] = [];
  const api = Object.fromEntries(
    methodNames.map((name) => [
      name,
      async (input: never) => {
        calls.push({ name, input });
        const override = overrides[name] as ((input: never) => Promise<unknown>) | undefined;
        return override === undefined ? exampleOutput(name) : override(input);
      },
    ]),
  ) as unknown as Api;
  const fake: FakeNode = {
    api,
    events: new EventHub(),
    calls,
    log: '',
    logger: createLogger({ level: 'debug', format: 'json' }, { write: (line) => void (fake.log += line) }),
  };
  return fake;
}

export async function serve(fake: FakeNode, clock?: Clock, port = 0): Promise<ApiServer> {
  const metrics = async () => ({ contentType: 'text/plain; version=0.0.4', text: 'runnel_peers 2\n' });
  return startApiServer(
    { api: fake.api, events: fake.events, metrics, token: TOKEN, port, version: '0.1.0', logger: fake.logger, clock },
  );
}
