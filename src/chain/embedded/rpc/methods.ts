import type { EmbeddedChain } from '../embedded-chain.ts';
import type { Arguments, Parameter } from './params.ts';

/** A call of bitcoind's JSON-RPC: its parameters in order, and what it does with them. */
export interface Method {
  readonly parameters: readonly Parameter[];
  run(chain: EmbeddedChain, given: Arguments): unknown;
}

/** Calls by name. */
export type Methods = Readonly<Record<string, Method>>;
