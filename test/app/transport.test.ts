import { describe, expect, it } from "vitest";
import { transportOptionsOf } from "../../src/app/transport.ts";

describe("the transport's options", () => {
  it("are those of the settings, with broker_use_ssl among them where it says anything", () => {
    const brokerTransportOptions = { visibility_timeout: 60 };
    expect(transportOptionsOf({ brokerTransportOptions, brokerUseSsl: false })).toEqual({ visibility_timeout: 60 });
    const ssl = { ca: "/ca.pem" };
    expect(transportOptionsOf({ brokerTransportOptions, brokerUseSsl: ssl })).toEqual({ visibility_timeout: 60, ssl });
    expect(transportOptionsOf({ brokerTransportOptions, brokerUseSsl: true })).toEqual({
      visibility_timeout: 60,
      ssl: true,
    });
  });
});
