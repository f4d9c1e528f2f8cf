/** Sat per 1,000 weight units as people quote feerates, with one decimal: 253 is `1.0 sat/vB`. */
export function perVbyte(feeratePerKw: number): string {
  const tenths = Math.floor((feeratePerKw * 4) / 100);
  return `${Math.floor(tenths / 10)}.${tenths % 10} sat/vB`;
}
