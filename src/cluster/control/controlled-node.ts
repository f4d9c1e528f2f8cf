import type { NodeProcess } from '../node-process.ts';

/** What the control server wants of a node: all that it does to it goes through here. */
export type ControlledNode = Pick<
  NodeProcess,
  'name' | 'id' | 'address' | 'apiPort' | 'api' | 'client' | 'state' | 'onChange' | 'restart' | 'stop' | 'kill'
>;
