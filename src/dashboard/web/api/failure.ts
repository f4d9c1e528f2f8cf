/** What the server answered other than with success, or that it did not answer (`unreachable`). */
export class ApiFailure extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, hint?: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}
