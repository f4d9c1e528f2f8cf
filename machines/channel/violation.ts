import { RunnelError } from '../../protocols/errors.ts';

/**
 * A peer broke a rule. `answer` is what the BOLT demands: where it leaves the choice, Runnel sends a `warning` and closes the connection
 * rather than fail the channel, since a reconnection mends what a force close cannot.
 */
export class ChannelViolation extends RunnelError {
  readonly answer: 'warning' | 'error';

  constructor(code: string, message: string, answer: 'warning' | 'error' = 'warning', details: Readonly<Record<string, unknown>> = {}) {
    super(code, message, details);
    this.answer = answer;
  }
}

/** A rule: undefined where it is kept. */
export type Verdict = ChannelViolation | undefined;

/** The first rule that is broken. Each is a thunk, so that a later one may rely on the earlier ones. */
export function firstViolation(...rules: readonly (() => Verdict)[]): Verdict {
  for (const rule of rules) {
    const violation = rule();
    if (violation !== undefined) return violation;
  }
  return undefined;
}

/** A rule as a condition that must hold, with what was expected and what came. */
export function must(
  holds: boolean,
  code: string,
  expected: string,
  got: bigint | number | string,
  answer: 'warning' | 'error' = 'warning',
): Verdict {
  return holds ? undefined : new ChannelViolation(code, `expected ${expected}, got ${got}`, answer, { expected, got: String(got) });
}
