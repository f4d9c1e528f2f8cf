import type { NodeApi } from '../../api/contract.ts';
import { ApiError } from '../../api/errors.ts';
import type { Node } from '../node.ts';

/** Channels as they were, through the API. */
export function momentsApi(_node: Node): Pick<NodeApi, 'moment'> {
  return {
    moment: () => Promise.reject(new ApiError('unavailable', 'not_there_yet', 'the replay to a moment is being built')),
  };
}
