export type HttpMethod = 'GET' | 'POST' | 'DELETE';

/** The input as path, query and body, as the contract's route has it. */
export function requestOf(
  route: string,
  input: Readonly<Record<string, unknown>>,
): { readonly method: HttpMethod; readonly path: string; readonly body?: unknown } {
  const [method, template = ''] = route.split(' ') as [HttpMethod, string?];
  const rest = new Map(Object.entries(input).filter(([, value]) => value !== undefined));
  const path = template.replace(/\{(\w+)\}/g, (_, field: string) => {
    const value = encodeURIComponent(String(rest.get(field)));
    rest.delete(field);
    return value;
  });
  if (method === 'POST') return { method, path, body: Object.fromEntries(rest) };
  const query = new URLSearchParams([...rest].map(([key, value]): [string, string] => [key, String(value)])).toString();
  return { method, path: query === '' ? path : `${path}?${query}` };
}
