import type { z } from 'zod';

/**
 * One method of the API, from which its server route, its part of the OpenAPI description, the client's method, the CLI
 * verb (the method's name) and the node's duty (`NodeApi`) are derived.
 */
export interface MethodSpec<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodType = z.ZodType> {
  /** What it does, in one line: the verb's help. */
  readonly summary: string;
  /** What one must know beyond the summary. */
  readonly description?: string;
  readonly http: {
    /** GET and DELETE take their input from path and query, POST from path and body. */
    readonly method: 'GET' | 'POST' | 'DELETE';
    /** `/v1/…`, with `{field}` for the fields of the input that stand in the path. */
    readonly path: `/v1/${string}`;
    /** Where the body may be larger than those of other methods. */
    readonly bodyLimitBytes?: number;
  };
  readonly input: Input;
  readonly output: Output;
  readonly cli: {
    /** Fields given by position, in order; all others are options. */
    readonly args: readonly (keyof z.output<Input> & string)[];
    /** Where the verb is not the method's name: a word within a group of verbs. */
    readonly verb?: `${string} ${string}`;
    /** A text field for which the command line names a file that holds it. */
    readonly readsFile?: keyof z.output<Input> & string;
    /** A text field of the output, which `--out <file>` writes to a file; without it, it alone is printed. */
    readonly writesFile?: keyof z.output<Output> & string;
    /**
     * Options that are not just `--kebab-case-of-the-field <value>`; `<sat>` takes decimals of a sat for an msat field.
     */
    readonly flags?: Partial<Record<keyof z.output<Input> & string, string>>;
    readonly example: string;
  };
  /** Input and output as they stand in JSON. */
  readonly example: { readonly input: z.input<Input>; readonly output: z.input<Output> };
}

/** Declares a method; exists to infer the types. */
export function method<const Input extends z.ZodObject, const Output extends z.ZodType>(
  spec: MethodSpec<Input, Output>,
): MethodSpec<Input, Output> {
  return spec;
}

/** The input's fields that stand in the path. */
export function pathFields(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
}
