/**
 * The scalar fields that the API's methods and events share, as zod schemas.
 *
 * On the wire everything is plain JSON: amounts and other 64-bit numbers are decimal strings, ids are lower-case hex, a
 * short channel id is `block x transaction x output` (`1x2x3`). The codecs turn decimal strings into bigint on the way
 * in and back on the way out, so that neither the node nor a user of the client sees a number that may have lost
 * digits.
 */
import { z } from 'zod';
import { fromHostPort } from '../../protocols/gossip/node-address.ts';

/** All the bitcoin there can be: no amount is larger. */
export const MAX_SAT = 2_100_000_000_000_000n;
const MAX_MSAT = MAX_SAT * 1_000n;
const MAX_U64 = 0xffff_ffff_ffff_ffffn;

export type Unit = 'msat' | 'sat';

const decimal = (max: bigint, what: string, meta: Record<string, unknown>) =>
  z
    .codec(
      z.string({ error: `expected ${what} as a decimal string such as "1000"` }).regex(/^(0|[1-9][0-9]{0,19})$/, {
        error: `expected ${what} as a decimal string such as "1000"`,
      }),
      z.bigint().min(0n).max(max, { error: `expected ${what} of at most ${max}` }),
      { decode: (text) => BigInt(text), encode: (value) => value.toString() },
    )
    .meta({ examples: ['1000'], ...meta });

/** Millisatoshi: a decimal string on the wire, a bigint in the node and the client. */
export const msat = decimal(MAX_MSAT, 'millisatoshi', { 'x-unit': 'msat' satisfies Unit });
/** Millisatoshi as far as BOLT 7's `fee_base_msat` goes, which has 32 bits. */
export const feeBaseMsat = decimal(0xffff_ffffn, 'millisatoshi', { 'x-unit': 'msat' satisfies Unit });
/** Satoshi: a decimal string on the wire, a bigint in the node and the client. */
export const sat = decimal(MAX_SAT, 'satoshi', { 'x-unit': 'sat' satisfies Unit });
/** An unsigned 64-bit number, such as an HTLC id. */
export const u64 = decimal(MAX_U64, 'an unsigned 64-bit number', { examples: ['0'] });

export const integer = (min: number, max: number) => z.int().min(min).max(max);
export const u16 = integer(0, 0xffff);
export const u32 = integer(0, 0xffff_ffff);
export const count = z.int().min(0);
export const blockHeight = integer(0, 499_999_999);
/** BOLT 2 keeps a commitment number in 48 bits. */
export const commitmentNumber = integer(0, 0xffff_ffff_ffff);
export const unixSeconds = z.int().min(0).meta({ description: 'Unix time in seconds' });

const hexOf = (bytes: number, what: string) =>
  z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`), {
    error: `expected ${what}: ${bytes} bytes in lower-case hex`,
  });

export const hex = z.string().regex(/^([0-9a-f]{2})*$/, { error: 'expected bytes in lower-case hex' });
export const nodeId = z
  .string()
  .regex(/^0[23][0-9a-f]{64}$/, { error: 'expected a node id: a 33-byte compressed public key in lower-case hex' })
  .meta({ description: 'Node id: 33-byte compressed public key in hex' });
export const channelId = hexOf(32, 'a channel id');
export const paymentHash = hexOf(32, 'a payment hash').meta({ description: 'Payment hash in hex' });
export const preimage = hexOf(32, 'a preimage');
export const hash32 = hexOf(32, 'a hash');
export const txid = hexOf(32, 'a txid').meta({ description: 'Txid in display order' });
export const outpoint = z
  .string()
  .regex(/^[0-9a-f]{64}:(0|[1-9][0-9]{0,4})$/, { error: 'expected an outpoint, <txid>:<output index>' });

const SCID = /^(0|[1-9][0-9]{0,7})x(0|[1-9][0-9]{0,7})x(0|[1-9][0-9]{0,4})$/;
export const shortChannelId = z
  .string()
  .regex(SCID, { error: 'expected a short channel id, <block>x<transaction>x<output>, such as 103x1x0' })
  .meta({ examples: ['103x1x0'] });

const CHANNEL_REF = new RegExp(`${SCID.source}|^[0-9a-f]{64}:(0|[1-9][0-9]{0,4})$|^[0-9a-f]{4,64}$`);
/** What names a channel to a person; see `parseChannelRef`. */
export const channelRef = z
  .string()
  .regex(CHANNEL_REF, {
    error: 'expected a channel: 4 or more hex digits of its id, its short channel id (103x1x0), or its funding txid:vout',
  })
  .meta({ description: 'Channel: id (or its first hex digits), short channel id, or funding txid:vout' });

export type ChannelRef =
  | { readonly kind: 'channelId'; readonly prefix: string }
  | { readonly kind: 'shortChannelId'; readonly shortChannelId: string }
  | { readonly kind: 'outpoint'; readonly txid: string; readonly outputIndex: number };

/** Tells which of the three forms a (validated) channel reference has. A prefix may match more than one channel. */
export function parseChannelRef(ref: string): ChannelRef {
  if (ref.includes('x')) return { kind: 'shortChannelId', shortChannelId: ref };
  const [txid = '', outputIndex] = ref.split(':');
  if (outputIndex !== undefined) return { kind: 'outpoint', txid, outputIndex: Number(outputIndex) };
  return { kind: 'channelId', prefix: ref };
}

const MULTIADDR = /^(\/[a-z0-9-]{1,32}\/[^/\s]{1,128}){1,8}$/;

/** Whether it can be dialled: a multiaddr (the mesh's), or `host:port` (`[ipv6]:port`; Lightning's). */
export function isPeerAddress(text: string): boolean {
  return text.length <= 512 && (MULTIADDR.test(text) || (fromHostPort(text)?.port ?? 0) > 0);
}

export const isMultiaddr = (text: string): boolean => MULTIADDR.test(text);

export const peerAddress = z
  .string()
  .refine(isPeerAddress, { error: 'expected host:port (Lightning) or a multiaddr such as /ip4/1.2.3.4/tcp/9736 (the mesh)' })
  .meta({ description: 'host:port (Lightning) or a multiaddr (the mesh)', examples: ['127.0.0.1:9735', '/ip4/127.0.0.1/tcp/9736'] });

/** BOLT 11 invoices are bounded here far above what a wallet makes (BOLT 11 itself has no limit). */
export const bolt11 = z
  .string()
  .max(7_089)
  .regex(/^(lightning:)?ln[a-z0-9]+$/i, { error: 'expected a BOLT 11 invoice, which begins with ln' })
  .meta({ description: 'BOLT 11 invoice' });

export const bitcoinAddress = z
  .string()
  .min(14)
  .max(90)
  .regex(/^[A-Za-z0-9]+$/, { error: 'expected a bitcoin address' });

/** Sat per 1,000 weight units; BOLT 2's floor of 253 below, a typo guard (about 400,000 sat/vB) above. */
export const feeratePerKw = integer(253, 100_000_000).meta({
  description: 'Feerate in sat per 1,000 weight units (253 is 1 sat/vB)',
});

/** The state value of a statechart: a state's name, or the states of its parallel or nested parts by name. */
export type StateValue = string | { readonly [part: string]: StateValue };
export const stateValue: z.ZodType<StateValue> = z
  .union([z.string(), z.record(z.string(), z.lazy(() => stateValue))])
  .meta({ id: 'StateValue', description: "A statechart's state value" });
