import { describe, expect, it } from 'vitest';
import { fromString, toString } from 'uint8arrays';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { NoiseError } from '../../protocols/noise/errors.ts';
import { answer, initiate, type SessionKeys, type StaticKey } from '../../protocols/noise/handshake.ts';
import { SessionCodec } from '../../src/network/lightning/session-codec.ts';
import vectors from './data/bolt08-transport.json' with { type: 'json' };

/** BOLT 8, Appendix A: what goes in and comes out, in order. */
interface Vector {
  readonly name: string;
  readonly steps: readonly { readonly input?: string; readonly output?: string; readonly index?: number }[];
  readonly [key: string]: unknown;
}

const bytes = (hex: string): Uint8Array => fromString(hex.replace(/^0x/, ''), 'hex');
const hex = (value: Uint8Array): string => `0x${toString(value, 'hex')}`;
const keyOf = (secret: Uint8Array): StaticKey => ({ publicKey: secp256k1.publicKey(secret), ecdh: (publicKey) => secp256k1.ecdh(publicKey, secret) });
const filled = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);

const named = (prefix: string): readonly Vector[] => (vectors as readonly Vector[]).filter(({ name }) => name.startsWith(prefix));

/** The error as the BOLT writes it: `ACT2_BAD_VERSION`. */
function outcome(act: () => string): string {
  try {
    return act();
  } catch (error) {
    if (error instanceof NoiseError) return `ERROR (${error.code.toUpperCase()})`;
    throw error;
  }
}

/** Some name the version that they saw. */
const plain = (output: string): string => output.replace(/(BAD_VERSION) 1\)/, '$1)');

function play({ steps }: Vector, start: readonly string[], acts: readonly ((input: Uint8Array) => readonly string[])[]): void {
  const expected = steps.flatMap(({ output }) => (output === undefined ? [] : [plain(output)]));
  const inputs = steps.flatMap(({ input }) => (input === undefined ? [] : [bytes(input)]));
  const got = [...start];
  for (const [index, input] of inputs.entries()) {
    let more: readonly string[] = [];
    const failure = outcome(() => ((more = acts[index]?.(input) ?? []), ''));
    got.push(...(failure === '' ? more : [failure]));
  }
  expect(got).toEqual(expected);
}

describe("BOLT 8's transport", () => {
  it.each(named('transport-initiator'))('$name', (vector) => {
    const { actOne, readActTwo } = initiate(keyOf(filled(0x11)), bytes(String(vector['rs.pub'])), filled(0x12));
    play(vector, [hex(actOne)], [
      (input) => {
        const { actThree, session } = readActTwo(input);
        return [hex(actThree), `sk,rk=${hex(session.sendingKey)},${hex(session.receivingKey)}`];
      },
    ]);
  });

  it.each(named('transport-responder'))('$name', (vector) => {
    let readActThree: (input: Uint8Array) => { readonly remotePublicKey: Uint8Array; readonly session: SessionKeys };
    play(vector, [], [
      (input) => {
        const answered = answer(keyOf(filled(0x21)), filled(0x22), input);
        ({ readActThree } = answered);
        return [hex(answered.actTwo)];
      },
      (input) => {
        const { remotePublicKey, session } = readActThree(input);
        expect(hex(remotePublicKey)).toBe('0x034f355bdcb7cc0af728ef3cceb9615d90684bb5b2ca5f859ab0f0b704075871aa');
        return [`rk,sk=${hex(session.receivingKey)},${hex(session.sendingKey)}`];
      },
    ]);
  });

  it('encrypts messages, and changes keys after 500 of them', () => {
    const [vector] = named('transport-message');
    const keys: SessionKeys = { chainingKey: bytes(String(vector!['ck'])), sendingKey: bytes(String(vector!['sk'])), receivingKey: bytes(String(vector!['rk'])) };
    const sender = new SessionCodec(keys);
    const receiver = new SessionCodec({ ...keys, receivingKey: keys.sendingKey, sendingKey: keys.receivingKey });
    const hello = fromString('hello', 'ascii');
    const sealed = Array.from({ length: 1_002 }, () => sender.encode([hello]));
    expect(vector!.steps.map(({ index }) => hex(sealed[index!]!))).toEqual(vector!.steps.map(({ output }) => output));
    for (const message of sealed) {
      receiver.push(message);
      expect(receiver.next()).toEqual(hello);
    }
  });
});
