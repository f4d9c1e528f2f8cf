/** The part of bitcore-lib (it ships no types) that the embedded chain uses: the opcode interpreter. */
declare module 'bitcore-lib' {
  export interface ScriptChunk {
    opcodenum: number;
    buf?: Buffer;
    len?: number;
  }

  /**
   * What the interpreter reads of the spending transaction. `isFinal` answers whether the sequence is *not* 0xffffffff.
   */
  export interface InterpreterTransaction {
    version: number;
    nLockTime: number;
    inputs: readonly { sequenceNumber: number; isFinal(): boolean }[];
  }

  export class InterpreterBase {
    script: { chunks: ScriptChunk[] };
    stack: Buffer[];
    pc: number;
    pbegincodehash: number;
    nOpCount: number;
    vfExec: boolean[];
    errstr: string;
    flags: number;
    sigversion: number;
    initialize(): void;
    set(state: {
      script?: ScriptClass;
      tx?: InterpreterTransaction;
      nin?: number;
      stack?: Buffer[];
      sigversion?: number;
      flags?: number;
    }): void;
    evaluate(): boolean;
    step(): boolean;
    _evalCheckSig(signature: Buffer, publicKey: Buffer): { success: boolean; result: boolean };
    static castToBool(element: Buffer): boolean;
    static true: Buffer;
    static false: Buffer;
  }

  export class ScriptClass {
    constructor(state: { chunks: ScriptChunk[] });
    static Interpreter: typeof InterpreterBase;
  }

  const bitcore: {
    Script: typeof ScriptClass;
    crypto: {
      BN: { fromScriptNumBuffer(bytes: Buffer, requireMinimal: boolean): { toNumber(): number } };
      Signature: { Version: { BASE: number; WITNESS_V0: number } };
    };
  };
  export default bitcore;
}
