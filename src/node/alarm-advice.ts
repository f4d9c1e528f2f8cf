import type { AlarmCode } from './alarms.ts';

/** What whoever runs the node can do about an alarm, in one line. */
export const alarmAdvice: Readonly<Record<AlarmCode, string>> = {
  fee_reserve_low: 'send coins to an address of `runnel newaddress`, in several outputs if you can',
  no_fee_coins: 'send coins to an address of `runnel newaddress` and wait for a block: the transaction is made by itself then',
  fee_budget_exceeded: 'nothing is to be done: the node waits for lower feerates; `runnel pending` shows what hangs on it and until when',
  broadcast_rejected: 'see in the log what bitcoind says, and that its mempool and its version are as the README wants them; report it if they are',
  deadline_missed: 'keep the node and bitcoind running: it goes on trying; `runnel pending` shows whether the peer has taken it',
  peer_cheated: 'keep the node running until `runnel pending` shows all of it as taken by us, and open no further channel with this peer',
  state_lost: 'keep the node running and reach the peer: it has to close the channel; never start the node on an old copy of its data folder',
  funding_lost: 'see `runnel channel` for the transaction that spent the funding; give this peer no more credit',
  backup_outdated: "make room on the data folder's disk and see to its permissions: the backup is written again by itself",
  money_lost: 'see `runnel forwards` and the log; report it, as no fault of a peer should come to that',
  channel_frozen: 'restart the node, and report what the log says of the fault',
  chain_away: 'see that bitcoind runs, and that chain.rpc_url and its login are right: deadlines do not wait',
};
