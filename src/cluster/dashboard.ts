/** The dashboard of a whole cluster: the control server over its processes, and the page that shows it. */
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { packageVersion } from '../cli/version.ts';
import { createLogger } from '../logging.ts';
import type { Cluster } from './cluster.ts';
import { ClusterControl } from './control/control.ts';
import { startControlServer } from './control/server.ts';
import type { NodeProcess } from './node-process.ts';
import type { Edge } from './topology.ts';
import type { Traffic } from './traffic.ts';

export interface DashboardOptions {
  readonly cluster: Cluster;
  readonly edges: readonly Edge[];
  readonly traffic: Traffic;
  readonly blockIntervalSeconds: number;
  /** 0 takes any free one. */
  readonly port: number;
  /** What goes wrong in it is appended here. */
  readonly logPath: string;
}

export interface Dashboard {
  /** The page's address, with the token that lets in whoever opens it. */
  readonly link: string;
  readonly control: ClusterControl;
  close(): Promise<void>;
}

/** Serves it for nodes that have been started. Throws `ApiError` where the port is taken. */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { cluster, edges, traffic, blockIntervalSeconds, port, logPath } = options;
  mkdirSync(dirname(logPath), { recursive: true, mode: 0o700 });
  const write = (line: string): void => appendFileSync(logPath, line, { mode: 0o600 });
  const logger = createLogger({ level: 'info', format: 'readable' }, { write });
  const links = edges.map((edge) => [nodeAt(cluster, edge.opener), nodeAt(cluster, edge.accepter)] as const);
  const { nodes, chain } = cluster;
  const control = new ClusterControl({ nodes, chain, links, traffic, blockIntervalSeconds, logger });
  try {
    // Whoever connects at once is greeted with the mesh as it is.
    await control.heard();
    await control.mesh();
    const server = await startControlServer({ control, port, version: packageVersion(), logger });
    const close = async (): Promise<void> => {
      control.close();
      await server.close();
    };
    return { link: server.link, control, close };
  } catch (error) {
    control.close();
    throw error;
  }
}

function nodeAt({ nodes }: Cluster, index: number): NodeProcess {
  const node = nodes[index];
  if (node === undefined) throw new RangeError(`no node ${index}`);
  return node;
}

/** Whether somebody looks at this machine's screen. */
export function hasDesktop(environment: NodeJS.ProcessEnv = process.env): boolean {
  return process.platform === 'darwin' || Boolean(environment.DISPLAY) || Boolean(environment.WAYLAND_DISPLAY);
}
