import { describe, expect, it } from "vitest";
import { planHash } from "../plan/canonical.ts";
import type { Plan } from "../plan/plan.ts";
import { OtherParentError, refuseOtherParent } from "./parent.ts";

const plan = (name: string): Plan => ({
  ...{ formatVersion: 1, captures: {}, derivations: {}, materializations: {} },
  collections: { [name]: { schema: { type: "object" }, key: ["id"], reduce: {} } },
});
const [parent, other, own] = [plan("parent"), plan("other"), plan("own")];
const [parentHash, otherHash, ownHash] = [parent, other, own].map(planHash);
if (!ownHash) throw new Error("A plan has a hash.");

describe("a build that follows a plan", () => {
  it.each([
    ["follows whatever ran", undefined, other],
    ["follows its parent", parentHash, parent],
    ["runs again", parentHash, own],
    ["is the first", null, undefined],
    ["was the first, and runs again", null, own],
  ])("that %s is taken", (_, follows, last) => {
    expect(() => refuseOtherParent(last, { planHash: ownHash, parentHash: follows })).not.toThrow();
  });

  it.each([
    [parentHash, other, `to follow the plan ${parentHash}, and what ran here last is ${otherHash}.`],
    [parentHash, undefined, `to follow the plan ${parentHash}, and nothing has run in this data directory.`],
    [null, other, `to be the first that runs, and what ran here last is ${otherHash}.`],
  ])("is refused after another: %s", (follows, last, message) => {
    const start = () => refuseOtherParent(last, { planHash: ownHash, parentHash: follows });
    expect(start).toThrow(OtherParentError);
    expect(start).toThrow(message);
  });
});
