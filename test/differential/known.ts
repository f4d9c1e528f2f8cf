import type { Answer } from './pair.ts';

/** The fields of answers that are not compared, by method: docs/embedded-chain.md, "Answers". */
const EXTRA_FIELDS: Readonly<Record<string, readonly string[]>> = {
  testmempoolaccept: ['usage'],
  getrawmempool: ['startingpriority', 'currentpriority', 'hash', 'unbroadcast'],
  getmempoolentry: ['startingpriority', 'currentpriority', 'hash', 'unbroadcast'],
  estimatesmartfee: ['blocks'],
  getblockchaininfo: ['size_on_disk'],
  getmempoolinfo: [
    'usage',
    'maxmempool',
    'unbroadcastcount',
    'dustrelayfee',
    'dustrelayfeefloor',
    'dustdynamic',
    'rbf_policy',
    'truc_policy',
  ],
  getblock: ['txcount', 'header_version', 'desc'],
  getblockheader: ['txcount', 'header_version'],
  gettxout: ['desc'],
  getrawtransaction: ['desc'],
};

/** An answer without what only one side has, on purpose. */
export function withoutExtraFields(method: string, answer: unknown): unknown {
  const extra = EXTRA_FIELDS[method];
  if (extra === undefined || typeof answer !== 'object' || answer === null) return answer;
  if (Array.isArray(answer)) return answer.map((each) => withoutExtraFields(method, each));
  return Object.fromEntries(
    Object.entries(answer)
      .filter(([name]) => !extra.includes(name))
      .map(([name, value]) => [name, withoutExtraFields(method, value)]),
  );
}

/** A difference that is meant, or Knots': its heading in docs/embedded-chain.md, and how the two answers show it. */
interface Known {
  readonly name: string;
  readonly embedded: RegExp;
  readonly bitcoind: RegExp;
}

const KNOWN: readonly Known[] = [
  { name: 'output scripts above 34 bytes', embedded: /./, bitcoind: /"bad-txns-vout-script-toolarge/ },
  { name: 'names of witness limits', embedded: /"bad-witness-nonstandard"/, bitcoind: /"bad-witness-\w+/ },
  { name: 'hash types of Knots', embedded: /hash type missing/, bitcoind: /opts in to the hardfork/ },
  { name: 'names of nonstandard inputs', embedded: /"bad-txns-nonstandard-inputs"/, bitcoind: /"bad-txns-input-\w+/ },
  { name: 'which limit is named', embedded: /too-long-mempool-chain/, bitcoind: /too-long-mempool-chain/ },
];

/** The documented difference that explains two answers, if one does. */
export function isKnown(_method: string, embedded: Answer, bitcoind: Answer): string | undefined {
  const [own, other] = [JSON.stringify(embedded), JSON.stringify(bitcoind)];
  return KNOWN.find((known) => known.embedded.test(own) && known.bitcoind.test(other))?.name;
}
