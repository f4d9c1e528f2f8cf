/** BOLT 2, "Definition of channel_id": the funding txid (as on the wire) with the output index XORed into its last two bytes. */
export function channelIdOfFunding(txid: Uint8Array, outputIndex: number): Uint8Array {
  const id = Uint8Array.from(txid);
  id[30] = (id[30] ?? 0) ^ (outputIndex >> 8);
  id[31] = (id[31] ?? 0) ^ (outputIndex & 0xff);
  return id;
}
