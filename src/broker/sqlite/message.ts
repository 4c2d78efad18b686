// From a row to what a worker gets.
import { messageOf } from "../../error.ts";
import type { Envelope } from "../../protocol/envelope.ts";
import { decodeMessage } from "../../protocol/kombu.ts";
import type { Delivery } from "../consumer.ts";
import type { Row, Verdict } from "./claims.ts";

/** The envelope, or why it cannot be read. */
export type Reading = { readonly envelope: Envelope } | { readonly reason: string };

export function readMessage(text: string): Reading {
  try {
    return { envelope: decodeMessage(text).envelope };
  } catch (error) {
    return { reason: messageOf(error).split("\n", 1)[0] ?? "" };
  }
}

export function createDelivery(row: Row, envelope: Envelope, settle: (verdict: Verdict) => Promise<boolean>): Delivery {
  let isSettled = false;
  const settleOnce = async (verdict: Verdict): Promise<boolean> => {
    if (isSettled) return false;
    isSettled = true;
    return settle(verdict);
  };
  return Object.freeze({
    envelope,
    queue: row.queue,
    redelivered: row.redelivered === 1,
    // Its lock is the process's own: nobody takes the living for dead.
    isLost: false,
    ack: () => settleOnce("done"),
    reject: (requeue: boolean) => settleOnce(requeue ? "requeue" : "aside"),
  });
}
