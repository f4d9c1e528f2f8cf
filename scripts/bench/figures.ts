/** The value that `percent` of all values are at most. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}

/** Rows of text in columns, the first of them the heads. */
export function table(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) => line.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ')).join('\n');
}

const WIDTH = 60;

/** Bars, one a line, as long as their value. */
export function plot(points: readonly { readonly label: string; readonly value: number }[], unit: string): string {
  const most = Math.max(...points.map(({ value }) => value));
  const widest = Math.max(...points.map(({ label }) => label.length));
  return points
    .map(({ label, value }) => `${label.padStart(widest)}  ${'█'.repeat(Math.max(1, Math.round((WIDTH * value) / most)))} ${value.toFixed(2)} ${unit}`)
    .join('\n');
}

/** What this process holds, after a collection if node was started with --expose-gc. */
export function memoryMB(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers, external } = process.memoryUsage();
  return (heapUsed + Math.max(arrayBuffers, external)) / 1e6;
}
