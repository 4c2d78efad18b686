import { describe, expect, it } from "vitest";
import { readBody, writeBody } from "../../src/protocol/body.ts";
import type { Envelope } from "../../src/protocol/envelope.ts";
import { decodeMessage } from "../../src/protocol/kombu.ts";
import { signature } from "../../src/protocol/signature.ts";
import { sendScenarios } from "../helper/wire.ts";

function envelopeOf(name: string): Envelope {
  return decodeMessage(sendScenarios("5.6.2")[name]!.messages["celery"]![0]!).envelope;
}

describe("readBody", () => {
  it("gives back what writeBody was given", () => {
    const log = signature("proj.log");
    const body = writeBody([1, "a"], { z: null }, { link: [log], chord: log });
    expect(readBody({ ...envelopeOf("02_no_args"), body })).toEqual({
      args: [1, "a"],
      kwargs: { z: null },
      embed: { callbacks: [log.toJSON()], errbacks: null, chain: null, chord: log.toJSON() },
    });
  });

  it("finds what Celery embedded", () => {
    expect(readBody(envelopeOf("16_chain")).embed.chain?.map((next) => next.args)).toEqual([[4], [3]]);
    expect(readBody(envelopeOf("18_chord")).embed.chord?.task).toBe("tasks.xsum");
    expect(readBody(envelopeOf("14_link")).embed).toMatchObject({
      callbacks: [{ args: ["ok"], immutable: false }],
      errbacks: [{ args: ["err"], immutable: true }],
    });
  });

  it("unpacks what is compressed", () => {
    expect(readBody(envelopeOf("26_gzip")).args).toEqual([1, 2]);
  });

  it("refuses protocol 1, and says how to leave it", () => {
    const problem = { hint: expect.stringContaining("task_protocol = 2") };
    expect(() => readBody(envelopeOf("35_protocol1"))).toThrow(expect.objectContaining(problem));
  });

  it.each(["[1]", "[1, {}, {}]", "[[], [], {}]"])("refuses the body %s", (body) => {
    expect(() => readBody({ ...envelopeOf("02_no_args"), body })).toThrow("the body of message");
  });
});
