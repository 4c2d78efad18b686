import { deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readBody } from "../../src/protocol/body.ts";
import { decodeMessage } from "../../src/protocol/kombu.ts";
import { compress, decompress, deserialize, serialize } from "../../src/protocol/serializer.ts";
import { sendScenarios } from "../helper/wire.ts";

const captured = sendScenarios("5.6.2");

function argsOf(name: string): readonly unknown[] {
  return readBody(decodeMessage(captured[name]!.messages["celery"]![0]!).envelope).args;
}

describe("serialize", () => {
  it("names its content as Celery does", () => {
    expect(serialize([1])).toEqual({ body: "[1]", contentType: "application/json", contentEncoding: "utf-8" });
    expect(serialize([1], "application/json").body).toBe("[1]");
  });

  it.each([
    ["pickle", "serializer pickle is not spoken here"],
    ["application/x-python-serialize", "serializer pickle is not spoken here"],
    ["yaml", "serializer yaml is not spoken here"],
    ["msgpack", "serializer msgpack is not spoken here"],
    ["jsonn", "no serializer jsonn"],
  ])("refuses %s by its name", (serializer, message) => {
    expect(() => serialize([1], serializer)).toThrow(message);
    expect(() => serialize([1], serializer)).toThrow(expect.objectContaining({ hint: "write json" }));
  });
});

describe("deserialize", () => {
  it("reads the Python values that Celery 5.6 sent", () => {
    const noon = new Date("2030-01-02T03:04:05.678Z");
    const uuid = "00000000-0000-0000-0000-000000000005";
    expect(argsOf("27_types")).toEqual([
      noon,
      noon,
      noon,
      "2024-01-02",
      "03:04:05",
      uuid,
      "1.50",
      [1, 2],
      9223372036854775808n,
      1e22,
      0.1,
    ]);
    expect(argsOf("28_bytes")).toEqual([new Uint8Array([0, 255])]);
    expect(argsOf("29_nan")).toEqual([Number.NaN, Number.POSITIVE_INFINITY]);
    expect(argsOf("26_gzip")).toEqual([1, 2]);
  });

  it("refuses pickled content by its name, and says where to change it", () => {
    const problem = { message: "refused content of type application/x-python-serialize (pickle)" };
    expect(() => argsOf("30_pickle")).toThrow(expect.objectContaining(problem));
    expect(() => argsOf("30_pickle")).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("task_serializer") }),
    );
  });

  it("reads text from bytes only where it knows their encoding", () => {
    const body = new TextEncoder().encode('"é"');
    const content = { body, contentType: "application/json", contentEncoding: "utf-8" };
    expect(deserialize(content)).toBe("é");
    expect(() => deserialize({ ...content, contentEncoding: "latin-1" })).toThrow("refused content in latin-1");
  });
});

describe("compress", () => {
  it.each(["gzip", "zlib", "application/x-gzip"])("writes the zlib stream that Celery means by %s", (name) => {
    const { body, header } = compress("[1]", name);
    expect(header).toBe("application/x-gzip");
    expect(body[0]).toBe(deflateSync("[1]")[0]);
    expect(Buffer.from(decompress(body, header)).toString()).toBe("[1]");
  });

  it.each(["bzip2", "lzma", "zstd", "brotli", "application/x-bz2"])("refuses %s by its name", (name) => {
    expect(() => compress("[1]", name)).toThrow(`compression ${name} is not spoken here`);
    expect(() => decompress(new Uint8Array(), name)).toThrow(`compression ${name} is not spoken here`);
  });

  it("asks back about a name that is nearly one", () => {
    expect(() => compress("[1]", "gzipp")).toThrow(expect.objectContaining({ hint: "did you mean gzip?" }));
  });

  it("refuses a body that is not what its header says", () => {
    expect(() => decompress(gzipSync("[1]"), "application/x-gzip")).toThrow("is not application/x-gzip data");
  });
});
