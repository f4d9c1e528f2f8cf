/** The `secp256k1` package's native half alone: unlike its main file it does not fall back to elliptic.js. */
declare module 'secp256k1/bindings.js' {
  import * as secp256k1 from 'secp256k1';
  export default secp256k1;
}
