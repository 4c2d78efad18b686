// Guards the speed of guarded publishing on whatever machine this runs: by its ratio to what the same process and the same
// Redis spend on the same messages without a guard, in the same minute. Processor time, and never an absolute one: beside
// others the ratio of what a clock on the wall shows swings by a factor of three, and this one by a tenth.
import { describe, expect, it } from "vitest";
import type { Envelope } from "../../src/protocol/envelope.ts";
import { encodeMessage } from "../../src/protocol/kombu.ts";
import { requireService } from "../helper/debian.ts";
import { effortOf } from "../helper/effort.ts";
import { openGuardedPublisher } from "../helper/guarded-publish.ts";
import { pushTexts } from "../helper/ready-made.ts";
import { startRedis } from "../helper/redis.ts";

const messages = 10_000;
const rounds = 15;
// Bare pushes beside guarded ones. On two cores, under loads from 2 to 8, eleven runs gave 1.64 to 2.15 for what is left to do
// of a batch made ahead when it is due, and 0.26 to 0.30 with all around it: making and encoding messages, folding marks.
// Half the speed is at most 1.1 and 0.15.
const floors = { whenDue: 1.25, inAll: 0.21 };

const textOf = (envelope: Envelope): string => encodeMessage(envelope, "");

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

describe.skipIf(!requireService("redis"))("guarded publishing to Redis", () => {
  it("costs no more, beside bare pushes of the same messages, than it used to", async () => {
    await using redis = await startRedis();
    await using publisher = await openGuardedPublisher(redis.url, messages);
    const client = redis.client();
    const costOf = async (work: () => Promise<void>): Promise<number> => {
      const { ownMs, redisMs } = await effortOf(client, work);
      return ownMs + redisMs;
    };
    const whenDue: number[] = [];
    const inAll: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const due = publisher.due();
      let batch = publisher.make([]);
      const making = await costOf(async () => {
        batch = publisher.makeAhead(due);
      });
      const publishing = await costOf(() => publisher.publish(batch));
      await client.del("celery");
      const folding = await costOf(publisher.fold);
      const texts = batch.envelopes.map(textOf);
      bare.push(await costOf(() => pushTexts(client, "celery", texts)));
      await client.del("celery");
      whenDue.push(publishing);
      inAll.push(making + publishing + folding);
    }
    const ratios = { whenDue: median(bare) / median(whenDue), inAll: median(bare) / median(inAll) };
    console.log(
      `bare pushes cost ${ratios.whenDue.toFixed(3)} of guarded ones, ${ratios.inAll.toFixed(3)} with all around them`,
    );
    expect(ratios.whenDue).toBeGreaterThan(floors.whenDue);
    expect(ratios.inAll).toBeGreaterThan(floors.inAll);
  });
});
