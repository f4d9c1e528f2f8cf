import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { contract, methodNames } from '../../src/api/contract.ts';
import { isPeerAddress, parseChannelRef } from '../../src/api/fields.ts';

describe('the contract', () => {
  it.each(methodNames)('%s has a summary, a CLI example and JSON examples that its schemas accept', (name) => {
    const spec = contract[name];
    expect(spec.summary).toMatch(/^[A-Z].{8,}[^.]$/);
    const { verb = name } = spec.cli as { readonly verb?: string };
    expect(`${spec.cli.example} `.startsWith(`runnel ${verb} `)).toBe(true);
    for (const [schema, example] of [
      [spec.input, spec.example.input],
      [spec.output, spec.example.output],
    ] as const) {
      const decoded = z.decode(schema as z.ZodType, example);
      expect(JSON.parse(JSON.stringify(z.encode(schema as z.ZodType, decoded)))).toEqual(
        JSON.parse(JSON.stringify(example)),
      );
    }
  });

  it('gives every method a route of its own, whose path fields are fields of the input', () => {
    const routes = methodNames.map((name) => `${contract[name].http.method} ${contract[name].http.path}`);
    expect(new Set(routes).size).toBe(routes.length);
    for (const name of methodNames) {
      const fields = [...contract[name].http.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      for (const field of [...fields, ...contract[name].cli.args]) {
        expect(Object.keys(contract[name].input.shape)).toContain(field);
      }
    }
  });

  it('turns amounts into bigint and refuses what is not a decimal string', () => {
    const input = contract.keysend.input;
    const nodeId = `02${'11'.repeat(32)}`;
    expect(z.decode(input, { nodeId, amountMsat: '2100000000000000000' }).amountMsat).toBe(2_100_000_000_000_000_000n);
    for (const amountMsat of [1000, '1.5', '-1', '', '01', '1e3', ' 1', '2100000000000000001', null, {}]) {
      expect(input.safeParse({ nodeId, amountMsat }).success, String(amountMsat)).toBe(false);
    }
  });

  it('refuses fields that it does not know', () => {
    expect(contract.getinfo.input.safeParse({ verbose: true }).success).toBe(false);
  });
});

describe('channel references', () => {
  it('are told apart by their form', () => {
    expect(parseChannelRef('103x1x0')).toEqual({ kind: 'shortChannelId', shortChannelId: '103x1x0' });
    expect(parseChannelRef(`${'ab'.repeat(32)}:1`)).toEqual(
      { kind: 'outpoint', txid: 'ab'.repeat(32), outputIndex: 1 },
    );
    expect(parseChannelRef('abcd')).toEqual({ kind: 'channelId', prefix: 'abcd' });
  });

  const wrong = ['', 'abc', 'xyzw', '1x2', '1x2x3x4', `${'ab'.repeat(32)}:`, 'AB'.repeat(32), '1x2x99999999'];
  it.each(wrong)('refuses %j', (channel) => {
    expect(contract.channel.input.safeParse({ channel }).success).toBe(false);
  });
});

describe('addresses', () => {
  it.each(['/ip4/1.2.3.4/tcp/9735', '1.2.3.4:9735', '[::1]:9735', 'localhost:9735'])('%s can be dialled', (address) => {
    expect(isPeerAddress(address)).toBe(true);
  });

  it.each(['localhost', 'localhost:0', 'localhost:65536', '1.2.3.256:1', '[::g]:1', '/ip4//tcp/1', 'a b:1'])('%s cannot', (address) => {
    expect(isPeerAddress(address)).toBe(false);
  });
});
