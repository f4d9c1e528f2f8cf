/** LDK's router, the Rust library compiled to WASM that npm's `lightningdevkit` brings, on a graph of ours. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as ldk from 'lightningdevkit';
import { fromString, toString } from 'uint8arrays';
import type { NodeId } from '../../src/network/network.ts';
import type { GraphRow } from './graph-csv.ts';
import { rapidGossipSnapshot } from './rapid-gossip.ts';

export interface LdkRequest {
  readonly payer: NodeId;
  readonly payee: NodeId;
  readonly amountMsat: bigint;
  readonly maxFeeMsat: bigint;
  readonly finalCltvDelta: number;
  readonly maxCltvDelta: number;
  readonly maxParts: number;
  readonly failedChannels?: readonly bigint[];
  /** Ways of the same payment that are out. */
  readonly inFlight?: readonly LdkPath[];
}

export interface LdkRoute {
  readonly feeMsat: bigint;
  readonly parts: number;
  readonly paths: readonly LdkPath[];
}

/** One way, and what each of its channels carries. */
export interface LdkPath {
  readonly path: ldk.Path;
  readonly hops: readonly { readonly shortChannelId: bigint; readonly nodeId: NodeId; readonly amountMsat: bigint }[];
  readonly amountMsat: bigint;
  readonly feeMsat: bigint;
  readonly cltvDelta: number;
}

/** What LDK chooses by: its default scorer, or fees and nothing else. */
export type LdkScoring = 'default' | 'fees';

export class LdkRouter {
  readonly #graph: ldk.NetworkGraph;
  readonly #logger: ldk.Logger;
  readonly #scorer: ldk.ProbabilisticScorer;
  readonly #parameters: ldk.ProbabilisticScoringFeeParameters;

  private constructor(graph: ldk.NetworkGraph, logger: ldk.Logger, scoring: LdkScoring) {
    this.#graph = graph;
    this.#logger = logger;
    const decay = ldk.ProbabilisticScoringDecayParameters.constructor_default();
    this.#scorer = ldk.ProbabilisticScorer.constructor_new(decay, graph, logger);
    this.#parameters = ldk.ProbabilisticScoringFeeParameters.constructor_default();
    if (scoring === 'fees') clearPrices(this.#parameters);
  }

  /** Loads the library and the graph; `with` gives routers on the same graph. */
  static async load(rows: readonly GraphRow[]): Promise<(scoring: LdkScoring) => LdkRouter> {
    // It greets on standard output, which may be for a program to read.
    const { log } = console;
    console.log = console.error;
    await ldk.initializeWasmFromBinary(readFileSync(fileURLToPath(import.meta.resolve('lightningdevkit/liblightningjs.wasm'))));
    console.log = log;
    const logger = ldk.Logger.new_impl({ log: () => undefined });
    const graph = ldk.NetworkGraph.constructor_new(ldk.Network.LDKNetwork_Bitcoin, logger);
    const sync = ldk.RapidGossipSync.constructor_new(graph, logger);
    const nowSeconds = Math.floor(Date.now() / 1_000);
    const result = sync.update_network_graph_no_std(rapidGossipSnapshot(rows, nowSeconds), ldk.Option_u64Z.constructor_some(BigInt(nowSeconds)));
    if (!result.is_ok()) throw new Error('LDK does not take the snapshot');
    return (scoring) => new LdkRouter(graph, logger, scoring);
  }

  /** Undefined: LDK finds no route. */
  findRoute(request: LdkRequest): LdkRoute | undefined {
    const { payer, payee, amountMsat, maxFeeMsat, finalCltvDelta, maxCltvDelta, maxParts } = request;
    const payment = ldk.PaymentParameters.constructor_for_keysend(fromString(payee, 'hex'), finalCltvDelta, maxParts > 1);
    payment.set_max_path_count(maxParts);
    payment.set_max_total_cltv_expiry_delta(maxCltvDelta);
    payment.set_previously_failed_channels([...(request.failedChannels ?? [])]);
    const parameters = ldk.RouteParameters.constructor_new(payment, amountMsat, ldk.Option_u64Z.constructor_some(maxFeeMsat));
    const inFlight = ldk.InFlightHtlcs.constructor_new();
    for (const { path } of request.inFlight ?? []) inFlight.process_path(path, fromString(payer, 'hex'));
    const scorer = ldk.ScorerAccountingForInFlightHtlcs.constructor_new(this.#scorer.as_ScoreLookUp(), inFlight);
    const result = ldk.UtilMethods.constructor_find_route(
      fromString(payer, 'hex'), parameters, this.#graph, null, this.#logger, scorer.as_ScoreLookUp(), this.#parameters, SEED,
    );
    if (!(result instanceof ldk.Result_RouteLightningErrorZ_OK)) return undefined;
    const paths = result.res.get_paths();
    return { feeMsat: result.res.get_total_fees(), parts: paths.length, paths: paths.map(pathOf) };
  }

  /** The channel did not carry what the path asked of it. */
  pathFailed({ path }: LdkPath, shortChannelId: bigint): void {
    this.#scorer.as_ScoreUpdate().payment_path_failed(path, shortChannelId, BigInt(Math.floor(Date.now() / 1_000)));
  }

  pathSettled({ path }: LdkPath): void {
    this.#scorer.as_ScoreUpdate().payment_path_successful(path, BigInt(Math.floor(Date.now() / 1_000)));
  }
}

const SEED = new Uint8Array(32);

function pathOf(path: ldk.Path): LdkPath {
  const list = path.get_hops();
  // LDK has with each hop the fee of the next, and with the last the amount.
  let amountMsat = 0n;
  const hops = list.map((hop) => ({ shortChannelId: hop.get_short_channel_id(), nodeId: toString(hop.get_pubkey(), 'hex'), feeMsat: hop.get_fee_msat() }));
  const withAmounts = hops.reverse().map(({ shortChannelId, nodeId, feeMsat }) => {
    amountMsat += feeMsat;
    return { shortChannelId, nodeId, amountMsat };
  });
  return {
    path, hops: withAmounts.reverse(), amountMsat: path.final_value_msat(), feeMsat: path.fee_msat(),
    cltvDelta: list.reduce((sum, hop) => sum + hop.get_cltv_expiry_delta(), 0),
  };
}

function clearPrices(parameters: ldk.ProbabilisticScoringFeeParameters): void {
  parameters.set_base_penalty_msat(0n);
  parameters.set_base_penalty_amount_multiplier_msat(0n);
  parameters.set_liquidity_penalty_multiplier_msat(0n);
  parameters.set_liquidity_penalty_amount_multiplier_msat(0n);
  parameters.set_historical_liquidity_penalty_multiplier_msat(0n);
  parameters.set_historical_liquidity_penalty_amount_multiplier_msat(0n);
  parameters.set_anti_probing_penalty_msat(0n);
  parameters.set_considered_impossible_penalty_msat(0n);
}
