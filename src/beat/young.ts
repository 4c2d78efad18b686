// What is made ahead of a burst is young when the burst begins, and the garbage collector would copy all of it in the middle
// of the burst, for several milliseconds at a time. Collected once before, it is old, and there is room for what comes.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (options: { readonly type: "minor" }) => void;

let collect: Collect | null = null;

/** Takes some milliseconds; to be called when nothing is due. */
export function settleYoung(): void {
  collect ??= findCollect();
  // What survives twice is old.
  collect({ type: "minor" });
  collect({ type: "minor" });
}

/** Node.js has it only for those who ask for it. */
function findCollect(): Collect {
  setFlagsFromString("--expose-gc");
  const found: unknown = runInNewContext("typeof gc === 'function' ? gc : () => undefined");
  setFlagsFromString("--no-expose-gc");
  return found as Collect;
}
