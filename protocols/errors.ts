/**
 * The base of every typed error in Runnel.
 *
 * `code` is stable and machine-readable (it is a metric label and the API's error code); `message` names what was
 * expected and what came; `details` carries the same as plain data (no secrets).
 */
export class RunnelError extends Error {
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }
}
