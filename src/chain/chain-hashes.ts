import { toString } from 'uint8arrays';

/** BOLT 7's chain_hash: the hash of each network's first block, as on the wire. */
export const CHAIN_HASHES = {
  main: '6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000',
  test: '43497fd7f826957108f4a30fd9cec3aeba79972084e90ead01ea330900000000',
  testnet4: '43f08bdab050e35b567c864b91f47f50ae725ae2de53bcfbbaf284da00000000',
  signet: 'f61eee3b63a380a477a063af32b2bbc97c9ff9f01f2c4225e973988108000000',
  regtest: '06226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f',
} as const;

/** The network whose hash that is, if it is one that is known here. */
export function networkOf(chainHash: Uint8Array): string | undefined {
  const text = toString(chainHash, 'base16');
  return Object.entries(CHAIN_HASHES).find(([, hash]) => hash === text)?.[0];
}
