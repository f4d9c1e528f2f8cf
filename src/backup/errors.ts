import { RunnelError } from '../../protocols/errors.ts';

export type BackupErrorCode =
  /** Not a backup, cut short, altered, or of channels that this seed does not make. */
  | 'backup_damaged'
  | 'backup_of_another_seed'
  | 'backup_of_another_network'
  /** Written by another version of Runnel. */
  | 'backup_version'
  /** The file in the data folder has channels that the database does not have. */
  | 'backup_not_restored'
  /** The node has channels of its own: to look for others, the chain would have to be gone through again. */
  | 'backup_node_in_use'
  | 'backup_unreadable';

/** A channel backup that cannot be used, or not here. */
export class BackupError extends RunnelError {
  declare readonly code: BackupErrorCode;

  constructor(code: BackupErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(code, message, details);
  }
}
