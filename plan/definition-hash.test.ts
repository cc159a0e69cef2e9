import { describe, expect, it } from "vitest";
import { sha256 } from "./canonical.ts";
import { definitionHash } from "./definition-hash.ts";
import type { DerivationPlan } from "./plan.ts";

const plan: DerivationPlan = {
  sources: [{ collection: "a", transform: { bundle: "1" }, by: ["id"] }],
  params: { b: 1, a: 2 },
  state: { schema: { type: "object" }, initial: {} },
};

describe("a definition's hash", () => {
  it("is of the canonical JSON", () => {
    const text =
      '{"params":{"a":2,"b":1},"sources":[{"by":["id"],"collection":"a","transform":{"bundle":"1"}}],"state":{"initial":{},"schema":{"type":"object"}}}';
    expect(definitionHash(plan)).toBe(sha256(text));
  });

  it.each<Partial<DerivationPlan>>([{ continues: "0".repeat(12) }, { shards: 2 }, { onError: "deadLetter" }])(
    "does not see %j",
    (more) => expect(definitionHash({ ...plan, ...more })).toBe(definitionHash(plan)),
  );

  it.each<Partial<DerivationPlan>>([
    { params: {} },
    { removes: true },
    { state: { schema: { type: "object" }, initial: { n: 0 } } },
    { sources: [{ collection: "a", transform: { bundle: "2" }, by: ["id"] }] },
    { sources: [{ collection: "b", transform: { bundle: "1" }, by: ["id"] }] },
    { sources: [...plan.sources, ...plan.sources] },
  ])("sees %j", (more) => expect(definitionHash({ ...plan, ...more })).not.toBe(definitionHash(plan)));
});
