import { readFileSync } from 'node:fs';
import { opcodes } from 'bitcoinjs-lib';
import { concat, fromString } from 'uint8arrays';
import { ScriptFlag } from '../../src/chain/embedded/script/flags.ts';

/** The rows of one of Bitcoin Core's vector files that are not comments. */
export function readVectors(name: string): unknown[][] {
  const text = readFileSync(new URL(`data/bitcoin/${name}.json`, import.meta.url), 'utf8');
  return (JSON.parse(text) as unknown[][]).filter((row) => row.length > 1);
}

/** "P2SH,STRICTENC" as bits; the vectors' own `TAPROOT` does not occur in this release. */
export function parseFlags(text: string): number {
  let flags = 0;
  for (const name of text.split(',').filter((part) => part !== '' && part !== 'NONE')) {
    if (!Object.hasOwn(ScriptFlag, name)) throw new Error(`unknown script flag ${name}`);
    flags |= ScriptFlag[name as keyof typeof ScriptFlag];
  }
  return flags;
}

/** Bitcoin Core's test notation of a script: numbers, 0x raw bytes, 'strings' and opcodes. */
export function parseAsm(text: string): Uint8Array {
  return concat(
    text
      .split(/\s+/)
      .filter((token) => token !== '')
      .map((token) => {
        if (/^-?\d+$/.test(token)) return pushNumber(BigInt(token));
        if (token.startsWith('0x')) return fromString(token.slice(2), 'base16');
        if (token.startsWith("'")) return push(new TextEncoder().encode(token.slice(1, -1)));
        const name = token.startsWith('OP_') ? token : `OP_${token}`;
        const opcode = opcodes[name as keyof typeof opcodes];
        if (typeof opcode !== 'number') throw new Error(`unknown opcode ${token}`);
        return Uint8Array.of(opcode);
      }),
  );
}

function pushNumber(value: bigint): Uint8Array {
  if (value === 0n) return Uint8Array.of(opcodes.OP_0);
  if (value === -1n || (value >= 1n && value <= 16n)) return Uint8Array.of(Number(value) + 0x50);
  const bytes: number[] = [];
  for (let rest = value < 0n ? -value : value; rest > 0n; rest >>= 8n) bytes.push(Number(rest & 0xffn));
  if ((bytes.at(-1)! & 0x80) !== 0) bytes.push(0);
  if (value < 0n) bytes[bytes.length - 1]! |= 0x80;
  return push(Uint8Array.from(bytes));
}

function push(data: Uint8Array): Uint8Array {
  if (data.length < opcodes.OP_PUSHDATA1) return concat([Uint8Array.of(data.length), data]);
  if (data.length <= 0xff) return concat([Uint8Array.of(opcodes.OP_PUSHDATA1, data.length), data]);
  return concat([Uint8Array.of(opcodes.OP_PUSHDATA2, data.length & 0xff, data.length >> 8), data]);
}
