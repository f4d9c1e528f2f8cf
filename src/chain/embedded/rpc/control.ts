import { satToBtc } from '../../amounts.ts';
import { INCREMENTAL_FEERATE_SAT_PER_KVB, MIN_RELAY_FEERATE_SAT_PER_KVB } from '../mempool/floor.ts';
import type { Json } from './json.ts';
import type { Methods } from './methods.ts';

/** The release of bitcoind whose rules and answers are followed. */
const BITCOIND_VERSION = 290_000;

/** The calls about the process itself; `stop` only answers here, the server then ends. */
export const controlMethods: Methods = {
  getnetworkinfo: { parameters: [], run: networkInfo },
  // Nothing is published: whoever follows this chain asks it.
  getzmqnotifications: { parameters: [], run: () => [] },
  uptime: {
    parameters: [],
    run: (chain) => Math.floor((chain.clock.now() - chain.startedMs) / 1_000),
  },
  stop: { parameters: [], run: () => 'Runnel embedded chain stopping' },
};

/** There are no peers. */
function networkInfo(): Json {
  return {
    version: BITCOIND_VERSION,
    subversion: '/Runnel-embedded-chain:29.0.0/',
    protocolversion: 70_016,
    localservices: '0000000000000000',
    localservicesnames: [],
    localrelay: true,
    timeoffset: 0,
    networkactive: false,
    connections: 0,
    connections_in: 0,
    connections_out: 0,
    networks: [],
    relayfee: satToBtc(MIN_RELAY_FEERATE_SAT_PER_KVB),
    incrementalfee: satToBtc(INCREMENTAL_FEERATE_SAT_PER_KVB),
    localaddresses: [],
    warnings: [],
  };
}
