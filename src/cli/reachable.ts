// How a running beat is reached by commands: at the door of its beat-record, and as a node of its broker.
import type { Conf } from "../app/conf.ts";
import { Door } from "../beat/reach/door.ts";
import { BeatNode } from "../beat/reach/node.ts";
import type { BeatSteering } from "../beat/steer/steering.ts";
import type { Broker } from "../broker/broker.ts";
import { systemClock } from "../clock.ts";
import type { EventStream } from "../event.ts";
import type { Service } from "../service.ts";

export interface ReachableOptions {
  readonly steering: BeatSteering;
  /** The location of the store. */
  readonly record: string;
  readonly broker: Broker;
  readonly events: EventStream;
  readonly settings: Conf;
  /** The node name; null: nobody is answered over the broker. */
  readonly node: string | null;
}

/** Neither its start nor its stop can fail, or take long. */
export function createReachable({ steering, record, node, ...rest }: ReachableOptions): Service {
  const services: readonly Service[] = [
    new Door({ record, steering, emit: rest.events.emit }),
    ...(node === null ? [] : [new BeatNode({ ...rest, hostname: node, steering, clock: systemClock })]),
  ];
  return {
    start: async () => void (await Promise.all(services.map((service) => service.start()))),
    stop: async () => void (await Promise.all(services.map((service) => service.stop()))),
  };
}
