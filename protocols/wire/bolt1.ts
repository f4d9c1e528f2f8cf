import { bytes, restArray, restBytes, u16Bytes } from './codec.ts';
import { message } from './message.ts';
import { record } from './tlv.ts';
import { bytes32, u16 } from './types.ts';

/** BOLT 1, "The `error` and `warning` Messages": all-zero, for the connection as a whole. */
export const ALL_CHANNELS = new Uint8Array(32);

/** BOLT 1: setup and control. */
export const bolt1Messages = {
  warning: message(1, { channelId: bytes32, data: u16Bytes }),
  init: message(
    16,
    { globalfeatures: u16Bytes, features: u16Bytes },
    {
      /** Chain hashes. */
      networks: record(1, restArray(bytes(32))),
      /** An address descriptor of BOLT 7. */
      remoteAddr: record(3, restBytes),
    },
  ),
  error: message(17, { channelId: bytes32, data: u16Bytes }),
  ping: message(18, { numPongBytes: u16, ignored: u16Bytes }),
  pong: message(19, { ignored: u16Bytes }),
};
