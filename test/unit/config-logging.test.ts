import { describe, expect, it } from 'vitest';
import { createLogger, setLogLevel } from '../../src/logging.ts';

function logged(format: 'readable' | 'json', log: (logger: ReturnType<typeof createLogger>) => void): string {
  let text = '';
  log(createLogger({ level: 'debug', format }, { write: (line) => void (text += line) }));
  return text;
}

describe('the log', () => {
  it('is one line of time, level, component, message and fields for people', () => {
    const text = logged(
      'readable',
      (logger) => logger.child({ component: 'chain' }).info({ height: 7, amountSat: 5n }, 'block'),
    );
    expect(text).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} info {2}\[chain\] block height=7 amountSat=5\n$/);
  });

  it('is JSON for machines, with amounts and bytes as text', () => {
    const text = logged(
      'json',
      (logger) => logger.warn({ amountMsat: 2n ** 63n, bytes: Uint8Array.of(1, 255) }, 'odd'),
    );
    expect(JSON.parse(text)).toMatchObject({ level: 40, msg: 'odd', amountMsat: '9223372036854775808', bytes: '01ff' });
  });

  it('leaves out what is below its level', () => {
    expect(logged('json', (logger) => logger.trace('quiet'))).toBe('');
  });

  it('changes its level, and that of every part of it', () => {
    const text = logged('json', (logger) => {
      const part = logger.child({ component: 'a' });
      const partOfPart = part.child({ peer: 'b' });
      setLogLevel(logger, 'error');
      for (const one of [logger, part, partOfPart]) one.info('quiet');
      setLogLevel(logger, 'trace');
      for (const one of [logger, part, partOfPart]) one.trace('loud');
    });
    expect(text).not.toContain('quiet');
    expect(text.match(/loud/g)).toHaveLength(3);
  });

  it('never shows secrets', () => {
    for (const format of ['readable', 'json'] as const) {
      const text = logged(
        format,
        (logger) => logger.info({ passphrase: 'hunter2', config: { chain: { rpcPassword: 'hunter2' } } }, 'started'),
      );
      expect(text).toContain('[secret]');
      expect(text).not.toContain('hunter2');
    }
  });

  it('shows where an error came from', () => {
    const text = logged('readable', (logger) => logger.error({ err: new Error('boom') }, 'failed'));
    expect(text).toMatch(/ERROR failed\nError: boom\n {4}at /);
  });

  it('survives what JSON cannot hold', () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const deep = { a: { b: { c: { d: { e: 1n } } } } };
    expect(logged('readable', (logger) => logger.info({ circular, deep }, 'kept'))).toContain('kept');
  });
});
