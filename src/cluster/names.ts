const NAMES = [
  'alice',
  'bob',
  'carol',
  'dave',
  'erin',
  'frank',
  'grace',
  'heidi',
  'ivan',
  'judy',
  'kim',
  'leo',
  'mallory',
  'nina',
  'olivia',
  'peggy',
  'quentin',
  'rupert',
  'sybil',
  'trent',
  'ursula',
  'victor',
  'wendy',
  'xavier',
  'yolanda',
  'zoe',
];

/** The alias of a cluster's node by its number from 0: `alice`, `bob`, …, then `node27` and so on. */
export function nameOf(node: number): string {
  return NAMES[node] ?? `node${node + 1}`;
}
