/** The links between a cluster's nodes, which can be cut and mended. */
import type { ControlledNode } from './controlled-node.ts';

interface Link {
  readonly a: ControlledNode;
  readonly b: ControlledNode;
  /** A mended one is whole once both ends have heard of it: one may be down. */
  state: 'whole' | 'cut' | 'mended';
  /** What was asked last, and all before it. */
  done: Promise<unknown>;
}

/**
 * A link that is cut stays so while it is cut, whatever its ends do: both refuse the other, and an end that is restarted
 * is told again.
 */
export class Links {
  readonly #links = new Map<string, Link>();

  constructor(pairs: readonly (readonly [ControlledNode, ControlledNode])[]) {
    for (const [a, b] of pairs) this.#link(a, b);
  }

  list(): { a: string; b: string; isCut: boolean }[] {
    return [...this.#links.values()].map(({ a, b, state }) => ({ a: a.name, b: b.name, isCut: state === 'cut' }));
  }

  /** Ends the connection, and refuses every other until the link is mended. An end that is down is told once it is up. */
  async cut(a: ControlledNode, b: ControlledNode): Promise<void> {
    const link = this.#link(a, b);
    link.state = 'cut';
    await this.#afterAllBefore(link, () => apply(link, [a, b]));
  }

  /** Resolves once both are connected, as far as both are up. */
  async mend(a: ControlledNode, b: ControlledNode): Promise<void> {
    const link = this.#link(a, b);
    if (link.state === 'cut') link.state = 'mended';
    await this.#afterAllBefore(link, () => apply(link, [a, b]));
  }

  /** Brings to a node that has just come up what it has forgotten, or has never heard. */
  async reapply(node: ControlledNode): Promise<void> {
    const own = [...this.#links.values()].filter(({ a, b }) => a === node || b === node);
    await Promise.all(own.map((link) => this.#afterAllBefore(link, () => apply(link, [node]))));
  }

  #link(a: ControlledNode, b: ControlledNode): Link {
    const key = [a.name, b.name].sort().join(' ');
    const link = this.#links.get(key) ?? { a, b, state: 'whole', done: Promise.resolve() };
    this.#links.set(key, link);
    return link;
  }

  #afterAllBefore(link: Link, task: () => Promise<void>): Promise<void> {
    const done = link.done.then(task);
    link.done = done.catch(() => {});
    return done;
  }
}

/** Brings these ends of a link to what it is now; one that is down is told once it is up. */
async function apply(link: Link, ends: readonly ControlledNode[]): Promise<void> {
  const other = (node: ControlledNode): ControlledNode => (node === link.a ? link.b : link.a);
  const calls: Record<Link['state'], (node: ControlledNode) => Promise<unknown>> = {
    whole: async () => {},
    cut: (node) => node.client.disconnect({ nodeId: other(node).id, force: true, stay: true }),
    mended: (node) => node.client.connect({ nodeId: other(node).id, address: other(node).address }),
  };
  const { state } = link;
  const results = await Promise.allSettled(ends.filter((node) => node.state === 'up').map(calls[state]));
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  const areBothUp = link.a.state === 'up' && link.b.state === 'up';
  if (state === 'mended') {
    // Each end has to hear of it; where their connections meet, one is refused.
    if (failures.length < results.length) link.state = 'whole';
    else if (areBothUp && failures.length > 0) throw failures[0];
  } else if (areBothUp && failures.length > 0) throw failures[0];
}
