import { describe, expect, it } from "vitest";
import type { CollectionPlan } from "../../../plan/plan.ts";
import type { DerivationTask } from "../task.ts";
import { type DerivationLimits, fullnessOf } from "./transaction-limits.ts";

const limits: DerivationLimits = {
  transactionBytes: 100,
  transactionKeys: 10,
  combined: { inputBytes: 10_000, heldBytes: 1_000, keys: 50, milliseconds: 1_000, mostMilliseconds: 3_000 },
  cache: { keys: 1, bytes: 1 },
};

function taskOf(reduce: CollectionPlan["reduce"], source: object = {}): DerivationTask {
  // No more of a task is looked at.
  return { collection: { reduce }, plan: { sources: [source] } } as unknown as DerivationTask;
}

const taken = { documents: 10, bytes: 50, since: 0 };
const made = { size: 1, bytes: 0 };

describe("a transaction whose outputs are appended as they are", () => {
  it.each([
    ["reducing nothing", taskOf({})],
    ["of reduced documents", taskOf({ n: "sum" }, { reduced: true })],
  ])("is full by what it reads and makes: %s", (_, task) => {
    const fullness = fullnessOf(task, limits, () => 1e9);
    expect(fullness.isReached(taken, made)).toBe(false);
    expect(fullness.isReached({ ...taken, bytes: 100 }, made)).toBe(true);
    expect(fullness.isReached(taken, { size: 1, bytes: 50 })).toBe(true);
    expect(fullness.isReached(taken, { size: 10, bytes: 0 })).toBe(true);
  });
});

describe("a transaction whose outputs are combined", () => {
  const combining = taskOf({ n: "sum" });

  it("takes more input than any other, within what it holds", () => {
    const fullness = fullnessOf(combining, limits, () => 0);
    expect(fullness.isReached({ documents: 100, bytes: 9_999, since: 0 }, made)).toBe(false);
    expect(fullness.isReached({ documents: 100, bytes: 10_000, since: 0 }, made)).toBe(true);
    expect(fullness.isReached(taken, { size: 50, bytes: 0 })).toBe(true);
    // Some 100 bytes for each of ten keys.
    expect(fullness.isReached({ documents: 10, bytes: 1_000, since: 0 }, { size: 10, bytes: 0 })).toBe(true);
    expect(fullness.isReached({ documents: 10, bytes: 1_000, since: 0 }, { size: 9, bytes: 0 })).toBe(false);
  });

  it("lasts twice as long as the one before while there is more to read, up to the most", () => {
    let now = 0;
    const fullness = fullnessOf(combining, limits, () => now);
    const backlog = { documents: 100, bytes: 5_000, since: 0 };
    const lasts = (milliseconds: number) => {
      now = milliseconds - 1;
      expect(fullness.isReached(backlog, made)).toBe(false);
      now = milliseconds;
      expect(fullness.isReached(backlog, made)).toBe(true);
    };
    for (const milliseconds of [1_000, 2_000, 3_000, 3_000]) {
      lasts(milliseconds);
      fullness.next(true);
    }
    fullness.next(false);
    lasts(1_000);
  });

  it("is not ended by the time where it has read little", () => {
    const fullness = fullnessOf(combining, limits, () => 1e9);
    expect(fullness.isReached({ documents: 10, bytes: 99, since: 0 }, made)).toBe(false);
  });
});
