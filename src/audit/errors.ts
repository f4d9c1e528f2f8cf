import { RunnelError } from '../../protocols/errors.ts';

/** What is wrong with an audit file; the message says what was expected, and what came. */
export class AuditError extends RunnelError {
  declare readonly code:
    | 'audit_unreadable'
    | 'audit_not_one'
    | 'audit_newer'
    | 'audit_not_canonical'
    | 'audit_malformed'
    | 'audit_line_too_long'
    | 'audit_signature'
    | 'audit_chain'
    | 'audit_replay'
    | 'audit_parameters'
    | 'audit_balance'
    | 'audit_checkpoint'
    | 'audit_spend'
    | 'audit_gossip'
    | 'audit_incomplete';
}
