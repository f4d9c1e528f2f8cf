/**
 * Every key of the daemon's configuration, declared once: its place in `runneld.toml`, its environment variable, its
 * flag, its check and its default all come from here.
 */
import { z } from 'zod';
import { DEFAULT_UPDATE_RATE } from '../../machines/forwarding/balance-fee.ts';
import { fromHostPort } from '../../protocols/gossip/node-address.ts';
import { logLevel } from '../api/contract/node.ts';
import { isMultiaddr, MAX_SAT, nodeId } from '../api/fields.ts';
import { defaultJournalLimits } from '../channels/journal.ts';
import { defaultNetworkLimits } from '../network/limits.ts';

const integer = (min: number, max: number) =>
  z
    .int({ error: `expected a whole number from ${min} to ${max}` })
    .min(min, { error: `expected at least ${min}` })
    .max(max, { error: `expected at most ${max}` });

/** An amount: a TOML integer, or a decimal string (which environment and flags always are). */
const amount = (min: bigint, max: bigint) =>
  z
    .union(
      [z.string().regex(/^[0-9]{1,19}$/), z.int().min(0), z.bigint()],
      { error: `expected an amount from ${min} to ${max}` },
    )
    .transform(BigInt)
    .pipe(z.bigint().min(min, { error: `expected at least ${min}` }).max(max, { error: `expected at most ${max}` }));

const multiaddr = z.string().refine(isMultiaddr, { error: 'expected a multiaddr such as /ip4/0.0.0.0/tcp/9736' });

const hostPort = z
  .string()
  .refine((text) => fromHostPort(text) !== undefined, { error: 'expected host:port such as 0.0.0.0:9735' });

/** `<node id>@<multiaddr>` */
const peer = z.string().transform((text, context) => {
  const at = text.indexOf('@');
  const id = text.slice(0, at);
  const address = text.slice(at + 1);
  if (at > 0 && nodeId.safeParse(id).success && isMultiaddr(address)) return { nodeId: id, address };
  context.issues.push({ code: 'custom', input: text, message: 'expected <node id>@<multiaddr>' });
  return z.NEVER;
});

const file = z.string().min(1, { error: 'expected a path' });

export const networks = ['regtest', 'signet', 'testnet4', 'test', 'main'] as const;

/** Keys that stand by themselves, then the tables of the file. A key's description is its help. */
export const configSchema = z.strictObject({
  alias: z
    .string()
    // BOLT 7, "The node_announcement Message": the alias has 32 bytes.
    .refine((alias) => new TextEncoder().encode(alias).length <= 32, { error: 'expected at most 32 bytes of UTF-8' })
    .optional()
    .describe('Name that the node announces (default: the beginning of its id)'),
  color: z
    .string()
    .regex(/^#[0-9a-f]{6}$/, { error: 'expected a colour such as #3399ff' })
    .default('#3399ff')
    .describe('Colour that the node announces'),
  network: z
    .enum(networks, { error: `expected one of ${networks.join(', ')}` })
    .default('regtest')
    .describe(`Bitcoin network: ${networks.join(', ')}`),
  listen: z.array(multiaddr).max(16).default(['/ip4/0.0.0.0/tcp/9736']).describe('Addresses to listen on for peers of the mesh (libp2p)'),
  announce: z.array(multiaddr).max(16).default([]).describe('Addresses to tell the mesh (default: those listened on)'),
  bootstrap: z.array(peer).max(256).default([]).describe('Peers to find the mesh through: <node id>@<address>'),
  lightning: z.strictObject({
    listen: z.array(hostPort).max(16).default(['0.0.0.0:9735']).describe('host:port to listen on for Lightning peers (BOLT 8)'),
    announce: z
      .array(hostPort)
      .max(16)
      // BOLT 7, "The node_announcement Message": type 5 addresses.
      .refine((all) => all.filter((text) => fromHostPort(text)?.type === 'dns').length <= 1, { error: 'expected at most one hostname' })
      .refine((all) => all.every((text) => fromHostPort(text)?.port !== 0), { error: 'expected ports other than 0' })
      .default([])
      .describe('host:port to announce (default: those listened on, if others can reach them)'),
    gossipFlushMs: integer(10, 600_000)
      .default(defaultNetworkLimits.gossipFlushMs)
      .describe('Pass gossip on to Lightning peers so often'),
  }),
  apiPort: integer(0, 65_535).default(9737).describe('Port of the API on 127.0.0.1; 0 takes any free one'),
  passphraseFile: file.optional().describe('File whose first line is the passphrase that the seed is encrypted with'),
  chain: z.strictObject({
    rpcUrl: z
      .url({ protocol: /^http$/, error: 'expected an http URL such as http://127.0.0.1:18443' })
      .optional()
      .describe("bitcoind's RPC (default: 127.0.0.1 at the network's usual port)"),
    rpcCookieFile: file.optional().describe("bitcoind's cookie file"),
    rpcUser: z
      .string()
      .min(1, { error: 'expected a user name' })
      .optional()
      .describe('RPC user, with the password instead of a cookie file'),
    rpcPassword: z.string().optional().describe('RPC password (file and environment only)'),
    pollIntervalMs: integer(10, 600_000).default(1_000).describe('Ask for new blocks so often'),
  }),
  log: z.strictObject({
    level: logLevel.default('info').describe(`Log level: ${logLevel.options.join(', ')}`),
    format: z
      .enum(['readable', 'json'], { error: 'expected readable or json' })
      .default('readable')
      .describe('Log format: readable or json'),
  }),
  policy: z.strictObject({
    feeBaseMsat: amount(0n, 0xffff_ffffn).default(1_000n).describe('Fee for forwarding an HTLC, in msat'),
    feePpm: integer(0, 1_000_000).default(100).describe('Fee for forwarding, in millionths of the amount'),
    // BOLT 2, "`cltv_expiry_delta` Selection": at least 34. The default leaves room beyond `SAFE_CLTV_EXPIRY_DELTA`.
    cltvExpiryDelta: integer(34, 2_016)
      .default(80)
      .describe('Blocks between the expiries of an incoming and an outgoing HTLC'),
    followMinPpm: integer(0, 1_000_000)
      .optional()
      .describe('With follow_max_ppm: the millionths follow the balance, from this where nearly all is ours'),
    followMaxPpm: integer(0, 1_000_000).optional().describe('to this where nearly nothing is'),
    followIntervalSeconds: integer(1, 31_536_000)
      .default(DEFAULT_UPDATE_RATE.intervalMs / 1_000)
      .describe('Such a fee changes once in so long, in the long run'),
    followBurst: integer(1, 10).default(DEFAULT_UPDATE_RATE.burst).describe('and so many times at once'),
  }),
  routing: z.strictObject({
    attemptCostMsat: amount(0n, 1_000_000_000n).default(10_000n).describe('What being spared a failed attempt to pay is worth, in msat'),
    attemptCostPpm: integer(0, 1_000_000).default(500).describe('The same in millionths of the amount, on top'),
    timeValuePpb: integer(0, 1_000_000).default(15).describe('What a block less of locked funds is worth, in billionths of the amount'),
  }),
  channel: z.strictObject({
    minDepth: integer(1, 144).default(3).describe('Confirmations that a channel opened by a peer needs'),
    minFundingSat: amount(1_000n, MAX_SAT).default(20_000n).describe('Smallest channel to accept'),
    // BOLT 2, "The open_channel Message": without option_support_large_channel funding stays below 2^24 satoshi.
    maxFundingSat: amount(1_000n, 16_777_215n).default(16_777_215n).describe('Largest channel to open or accept'),
    // BOLT 2, same section: a dust_limit_satoshis below 354 is refused.
    dustLimitSat: amount(354n, 100_000n).default(354n).describe('Outputs below this are left out of our commitments'),
    reservePpm: integer(0, 100_000)
      .default(10_000)
      .describe('Reserve that the peer must keep, in millionths of the channel'),
    htlcMinimumMsat: amount(0n, 100_000_000_000n).default(1n).describe('Smallest HTLC to accept'),
    maxInFlightPpm: integer(10_000, 1_000_000)
      .default(1_000_000)
      .describe('Most that HTLCs to us may hold, in millionths of the channel'),
    // BOLT 2, same section: max_accepted_htlcs above 483 is refused.
    maxAcceptedHtlcs: integer(1, 483).default(483).describe('Most HTLCs to accept at once'),
    toSelfDelay: integer(6, 2_016)
      .default(144)
      .describe('Blocks that the peer must wait for its money after closing alone'),
  }),
  journal: z.strictObject({
    checkpointEntries: integer(10, 1_000_000)
      .default(defaultJournalLimits.checkpointEntries)
      .describe("Entries of a channel's journal between two checkpoints"),
    keepEntries: integer(0, 1_000_000_000)
      .default(defaultJournalLimits.keepEntries)
      .describe("Entries of each channel's journal to keep at least, for the audit; 0 keeps all"),
  }),
});

/** Keys whose value must not stand in a flag, where every user of the machine can read it. */
const secretKeys = new Set(['chain.rpcPassword']);

export interface ConfigKey {
  /** As in the config object: `apiPort`, `chain.rpcUrl`. */
  readonly path: readonly string[];
  /** As in the file: `api_port`, `chain.rpc_url`. */
  readonly name: string;
  readonly environment: string;
  /** Absent for secrets. */
  readonly flag: string | undefined;
  readonly type: 'text' | 'number' | 'list';
  readonly help: string;
  readonly default: unknown;
}

const words = (text: string): string[] => text.split(/(?=[A-Z])/).map((word) => word.toLowerCase());

function keyOf(path: readonly string[], schema: z.ZodType): ConfigKey {
  const help = schema.description ?? '';
  let inner: unknown = schema;
  let defaultValue: unknown;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault) {
    if (inner instanceof z.ZodDefault) defaultValue = inner.def.defaultValue;
    inner = inner.def.innerType;
  }
  const all = path.flatMap(words);
  return {
    path,
    name: path.map((part) => words(part).join('_')).join('.'),
    environment: `RUNNEL_${all.join('_').toUpperCase()}`,
    flag: secretKeys.has(path.join('.')) ? undefined : `--${all.join('-')}`,
    type: inner instanceof z.ZodArray ? 'list' : inner instanceof z.ZodNumber ? 'number' : 'text',
    help,
    default: defaultValue,
  };
}

/** Every key, in the order of the schema. */
export const configKeys: readonly ConfigKey[] = Object.entries(configSchema.shape).flatMap(([key, schema]) =>
  schema instanceof z.ZodObject
    ? Object.entries(schema.shape).map(([inner, innerSchema]) => keyOf([key, inner], innerSchema))
    : [keyOf([key], schema)],
);
