/**
 * The base of every typed error in Runnel.
 *
 * `code` is stable and machine-readable (it is a metric label and the API's error code); `message` names what was
 * expected and what came; `details` carries the same as plain data (no secrets).
 */
export class RunnelError extends Error {
  override readonly name: string = 'RunnelError';

  constructor(
    readonly code: string,
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
