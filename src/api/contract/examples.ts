/** Values that the examples of several methods share, so that the examples tell one story. */
export const ALICE = '02a1633cafcc01ebfb6d78e39f687a1f0995c62fc95f51ead10a02ee0be551b5dc';
export const BOB = '03a34b99f22c790c4e36b2b3c2c35a36db06226e41c692fc82b8b56ac1c540c5bd';
export const CHANNEL = '4f1e5e2d0f6f3ac4a6f1a9d1c3a6a2fc6a0f3c1d9e1b7a3d5c4b2a190817f6e5';
export const FUNDING_TXID = 'e5f61708192a4b5c3d7a1b9e1d3c0f6afca2a6c3d1a9f1a6c43a6f0f2d5e1e4f';
export const OUTPOINT = `${FUNDING_TXID}:0`;
export const SCID = '103x1x0';
export const HASH = '66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925';
export const PREIMAGE = '0000000000000000000000000000000000000000000000000000000000000000';
export const SECRET = '1111111111111111111111111111111111111111111111111111111111111111';
export const BLOCK_HASH = '0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206';
export const ADDRESS = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
export const INVOICE =
  'lnbcrt10u1pn0example0invoice0of0one0thousand0sat0shortened0here0as0real0ones0are0three0hundred0letters';
