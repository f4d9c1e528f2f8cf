import { RunnelError } from '../errors.ts';

type Act = 'act1' | 'act2' | 'act3';

/**
 * Why BOLT 8's handshake was ended; the act in which, and:
 *
 * - `read_failed`: not as many bytes as the act has
 * - `bad_version`: a version of the handshake that BOLT 8 does not define
 * - `bad_pubkey`: no point of the curve
 * - `bad_tag`: not made with the keys that it claims; in act one by somebody who means another node
 * - `bad_ciphertext`: the key of the peer cannot be read (act three)
 */
export type NoiseErrorCode = `${Act}_${'read_failed' | 'bad_version' | 'bad_pubkey' | 'bad_tag'}` | 'act3_bad_ciphertext';

/** A peer's part in the handshake was wrong: the connection must be ended without another word (BOLT 8, "Handshake Exchange"). */
export class NoiseError extends RunnelError {
  declare readonly code: NoiseErrorCode;
}
