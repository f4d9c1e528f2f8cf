/** Prints what is wrong with an argument, and ends. */
export function refuseArgument(expected: string, text: string): never {
  process.stderr.write(`expected ${expected}, got "${text}"; --help says more\n`);
  process.exit(2);
}

/** The argument as a whole number above zero; `fallback` where it is left out. */
export function countArgument(text: string | undefined, fallback: number, what: string): number {
  const value = Number(text ?? fallback);
  return Number.isSafeInteger(value) && value > 0 ? value : refuseArgument(`${what}, a whole number above zero`, text ?? '');
}
