// A broker that takes no messages while its cable is cut, though leases, marks and notes are reached; and a term that ends
// behind a beat's back, as that of a process does which was stopped for too long.
import { MemoryBroker } from "../../src/broker/memory.ts";
import type { Stage } from "./beat-stage.ts";
import type { ManualClock } from "./manual-clock.ts";

export interface LooseCable {
  readonly broker: MemoryBroker;
  readonly cable: { isCut: boolean };
}

export function onLooseCable(clock: ManualClock): LooseCable {
  const cable = { isCut: false };
  const before = (): void => {
    if (cable.isCut) throw new Error("connection refused");
  };
  return { broker: new MemoryBroker({ clock, before }), cable };
}

/** Whoever asks for the lease next has it; the one it is taken from learns of it only when it asks the broker. */
export async function depose({ broker, steering }: Pick<Stage, "broker" | "steering">): Promise<void> {
  const { term } = steering.status();
  if (term === null) throw new Error("only who leads can be deposed");
  await broker.leases.release({ scope: "test", owner: { id: "nobody", label: "nobody" }, term });
}
