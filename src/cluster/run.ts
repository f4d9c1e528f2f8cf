/** The life of a cluster: started, funded, connected, paid through, checked, kept up, stopped. */
import { RunnelError } from '../../protocols/errors.ts';
import { openPage } from '../cli/dashboard.ts';
import { NoBitcoindError, findBitcoind } from './bitcoind.ts';
import { findProblems } from './check.ts';
import { choosePorts, startCluster, type Cluster } from './cluster.ts';
import { hasDesktop, startDashboard, type Dashboard } from './dashboard.ts';
import { openChannels, waitForChannels, waitForGossip } from './open-channels.ts';
import type { ClusterOptions } from './options.ts';
import { planPayments } from './payment-plan.ts';
import { makePayments } from './payments.ts';
import { isPortFree } from './ports.ts';
import { ProcessGroup, type ManagedProcess } from './process.ts';
import { Progress } from './progress.ts';
import { renderOutcome, renderReport, reportData, type Report } from './report.ts';
import { SeededRandom } from './seeded-random.ts';
import { takeSnapshot } from './snapshot.ts';
import { StateError, StateFolder, type Settings } from './state.ts';
import { stayUp } from './stay-up.ts';
import { channelsOf, range, type Edge } from './topology.ts';
import { Traffic } from './traffic.ts';

/** What has come up, and is to end again. */
interface Running {
  readonly cluster: Cluster;
  readonly traffic: Traffic;
  readonly dashboard: Dashboard | undefined;
}

/**
 * Runs a cluster until it has been checked, or until `signal` is aborted. Resolves with whether all was right;
 * rejects with what went wrong. No process of it is left in either case.
 */
export async function runCluster(options: ClusterOptions, signal: AbortSignal): Promise<boolean> {
  // Before anything is left behind.
  if (options.chain === 'bitcoind' && findBitcoind() === undefined) throw new NoBitcoindError();
  if (options.dashboardPort !== undefined && !(await isPortFree(options.dashboardPort))) {
    throw new RunnelError('no_ports', `port ${options.dashboardPort} is in use: choose another --dashboard-port, or leave it out`);
  }
  const progress = new Progress((text) => (options.json ? process.stderr : process.stdout).write(text));
  const state = new StateFolder(options.keep);
  let onFailure: (failed: ManagedProcess) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    onFailure = (child) => reject(child.failure());
  });
  const group = new ProcessGroup((child) => onFailure(child));
  const asked = new Promise<'stopped'>((resolve) =>
    signal.addEventListener('abort', () => resolve('stopped'), { once: true }),
  );
  let hasFailed = true;
  let running: Running | undefined;
  const life = async (): Promise<'over'> => {
    const settings = await chooseSettings(options, state);
    const edges = channelsOf(settings.topology, settings.nodes, new SeededRandom(`${settings.seed} topology`));
    running = await bringUp({ options, settings, edges, group, state, progress });
    const { cluster, dashboard } = running;
    const report = await tryOut(cluster, edges, settings, options, progress);
    hasFailed = report.problems.length > 0;
    show(report, dashboard?.link, options, progress);
    dashboard?.control.setReady();
    return 'over';
  };
  try {
    const end = await Promise.race([failed, asked, life()]);
    if (end === 'stopped') return false;
    if (!options.check && running !== undefined) {
      const left = new Promise<void>((resolve) => {
        onFailure = (child) => {
          progress.say(child.hasStopped ? `${child.name} has stopped` : child.failure().message);
          if (group.isEmpty) resolve();
        };
      });
      const say = (text: string): unknown => process.stderr.write(text);
      await stayUp({ ...running, options, state, say, until: Promise.race([asked, left]) });
      if (!signal.aborted) {
        hasFailed = true;
        throw new RunnelError('all_ended', 'no process of the cluster is left');
      }
    }
    return !hasFailed;
  } finally {
    if (!options.check || signal.aborted) progress.say('stopping');
    running?.traffic.set(0);
    await running?.dashboard?.close();
    await group.stop();
    // The logs are worth more than the room.
    const leave = hasFailed && !signal.aborted;
    state.close({ leave });
    if (leave) process.stderr.write(`The state and the logs are left in ${state.path}\n`);
  }
}

interface BringUp {
  readonly options: ClusterOptions;
  readonly settings: Settings;
  readonly edges: readonly Edge[];
  readonly group: ProcessGroup;
  readonly state: StateFolder;
  readonly progress: Progress;
}

/** Starts the chain, the nodes and, so that one can watch what follows, the dashboard. */
async function bringUp({ options, settings, edges, group, state, progress }: BringUp): Promise<Running> {
  const { nodes: count, topology, seed, chain } = settings;
  const what = chain === 'embedded' ? '' : `, on ${chain}`;
  progress.say(`${count} nodes, ${topology}, seed ${seed}${what}, in ${state.path}`);
  const cluster = await startCluster({
    group,
    state,
    settings,
    ...(options.basePort === undefined
      ? {}
      : { apiPorts: range(0, count).map((node) => portOf(options.basePort ?? 0, node) + API) }),
    onStarted: (name) => progress.say(`${name} is up`),
  });
  const traffic = new Traffic(cluster.nodes, new SeededRandom(`${seed} traffic`));
  if (options.check || !options.dashboard) return { cluster, traffic, dashboard: undefined };
  const dashboard = await startDashboard({
    cluster,
    edges,
    traffic,
    blockIntervalSeconds: options.blockInterval,
    port: options.dashboardPort ?? 0,
    logPath: state.logPath('dashboard'),
  });
  progress.say(`watch it at ${dashboard.link}`);
  if (options.open && process.stdout.isTTY && hasDesktop()) {
    // Where there is no browser, the link above does.
    await openPage(state.path, dashboard.link, process.env).catch(() => {});
  }
  return { cluster, traffic, dashboard };
}

/** Connects the nodes, has them pay each other, and finds what is off. */
async function tryOut(
  cluster: Cluster,
  edges: readonly Edge[],
  { seed, nodes }: Settings,
  options: ClusterOptions,
  progress: Progress,
): Promise<Report> {
  await connectAll(cluster, edges, progress);
  const before = await takeSnapshot(cluster);
  const plan = planPayments(edges, nodes, options.payments, new SeededRandom(`${seed} payments`));
  progress.say(`${plan.length} payments:`);
  const outcomes = await makePayments(cluster, plan, (outcome) => progress.say(renderOutcome(outcome)));
  const after = await takeSnapshot(cluster);
  return { nodes: after, outcomes, problems: findProblems(before, after, outcomes) };
}

async function connectAll(cluster: Cluster, edges: readonly Edge[], progress: Progress): Promise<void> {
  progress.say('connecting the nodes and opening channels');
  const opened = await openChannels(cluster, edges);
  await waitForChannels(cluster, edges);
  const kept = edges.length - opened;
  progress.say(`${edges.length} channels are usable${kept > 0 ? `, ${kept} of them from before` : ''}`);
  await waitForGossip(cluster, edges);
  progress.say('every node knows every channel');
}

function show(report: Report, dashboard: string | undefined, { json }: ClusterOptions, progress: Progress): void {
  process.stdout.write(json ? `${JSON.stringify({ ...reportData(report), dashboard }, null, 2)}\n` : `\n${renderReport(report)}\n\n`);
  const { problems, outcomes } = report;
  for (const problem of problems) progress.say(`OFF: ${problem}`);
  if (problems.length === 0)
    progress.say(`all ${outcomes.length} payments arrived, and every balance is right to the msat`);
}

/** Those of the folder's earlier run, or those asked for. */
async function chooseSettings(options: ClusterOptions, state: StateFolder): Promise<Settings> {
  const earlier = state.load();
  for (const name of ['nodes', 'topology', 'seed', 'chain'] as const) {
    if (earlier === undefined || !options.given.has(name) || earlier[name] === options[name]) continue;
    throw new StateError(
      'other_cluster',
      `${state.path} holds a cluster with --${name} ${earlier[name]}: leave the option out, or choose another folder`,
    );
  }
  const { nodes, topology, seed, chain } = earlier ?? options;
  const { basePort } = options;
  const asked = basePort === undefined
    ? undefined
    : [0, LIGHTNING].flatMap((use) => range(0, nodes).map((node) => portOf(basePort, node) + use));
  if (asked?.some((port) => port > 65_535) === true)
    throw new RunnelError('no_ports', `--base-port ${basePort} leaves too few ports for ${nodes} nodes`);
  const settings = { nodes, topology, seed, chain, ports: asked ?? (await choosePorts(nodes, earlier?.ports ?? [])) };
  state.save(settings);
  return settings;
}

/** Of a node's three ports, what its second and third are for; the first is the mesh's. */
const [API, LIGHTNING] = [1, 2] as const;
const portOf = (basePort: number, node: number): number => basePort + 3 * node;
