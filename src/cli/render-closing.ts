/** Why a channel ended, and the transactions of its end, for people. */
import type { Output } from '../api/client.ts';
import { harmless } from './text.ts';

type Channel = Output<'channel'>;
type ClosingNode = NonNullable<Channel['closingTree']>;

/** The sentence, and under it what shows it. */
export function renderWhy({ text, evidence }: NonNullable<Channel['why']>): string {
  const lines = evidence.map(({ text: shown, sequence, txid }) => {
    const where = [...(sequence === undefined ? [] : [`entry ${sequence}`]), ...(txid === undefined ? [] : [txid])];
    return `  - ${shown}${where.length === 0 ? '' : ` (${where.join(', ')})`}`;
  });
  return [text, ...lines].map(harmless).join('\n');
}

/** A transaction with its outputs under it, each with what spends it. */
export function renderClosingTree(node: ClosingNode): string {
  return linesOf(node, '', '').map(harmless).join('\n');
}

function linesOf(node: ClosingNode, first: string, rest: string): string[] {
  const last = node.children.length - 1;
  const children = node.children.flatMap((child, index) =>
    index === last ? linesOf(child, `${rest}└─ `, `${rest}   `) : linesOf(child, `${rest}├─ `, `${rest}│  `),
  );
  return [`${first}${describe(node)}`, ...children];
}

function describe({ kind, what, txid, outpoint, amountSat, feeSat, blockHeight, deadline, text }: ClosingNode): string {
  const name = kind === 'transaction' ? txid?.slice(0, 16) : outpoint && `output ${outpoint.slice(65)}`;
  const facts = [
    ...(name === undefined ? [] : [name]),
    ...(amountSat === undefined ? [] : [`${amountSat} sat`]),
    ...(feeSat === undefined ? [] : [`fee ${feeSat} sat`]),
    ...(kind === 'transaction' && blockHeight !== undefined ? [`block ${blockHeight}`] : []),
    ...(deadline === undefined ? [] : [`deadline ${deadline}`]),
  ];
  return `${what}: ${facts.join(', ')}; ${text}`;
}
