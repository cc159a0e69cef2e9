import fc from "fast-check";
import { expect, it } from "vitest";
import type { StateChange } from "../../head/head.ts";
import { DurableValues } from "./durable-values.ts";

/** Committed values alone. */
class Stored {
  readonly values = new Map<string, string>();
  asked: string[] = [];

  async readState(_task: string, space: string, keys: readonly string[]) {
    this.asked.push(...keys);
    return keys.map((key) => this.values.get(`${space} ${key}`));
  }

  commit(changes: readonly StateChange[]): void {
    expect(new Set(changes.map(({ key }) => key)).size).toBe(changes.length);
    for (const { space, key, value } of changes) {
      if (value === null) expect(this.values.delete(`${space} ${key}`)).toBe(true);
      else this.values.set(`${space} ${key}`, value);
    }
  }
}

const key = fc.nat(9).map((n) => `["k${n}"]`);
type Action =
  | { readonly kind: "touch"; readonly keys: readonly string[]; readonly value: number }
  | { readonly kind: "drain" }
  | { readonly kind: "commit" };
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("touch" as const),
      keys: fc.uniqueArray(key, { minLength: 1, maxLength: 4 }),
      value: fc.nat(3),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "drain" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "commit" as const }) },
);

it("finds the newest value, committed or not, whatever it let go of", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 60 }), fc.nat(3), async (actions, keys) => {
      const stored = new Stored();
      const values = new DurableValues(stored, "t", "state", { keys, bytes: 1_000_000 });
      const oracle = new Map<string, number>();
      const drained: StateChange[][] = [];
      const commitOldest = () => {
        const changes = drained.shift();
        if (!changes) return;
        stored.commit(changes);
        values.committed();
      };
      for (const step of actions) {
        if (step.kind === "commit") commitOldest();
        else if (step.kind === "drain") drained.push(values.drain());
        else {
          await values.load(new Set(step.keys));
          for (const each of step.keys) {
            expect(values.get(each)?.n).toBe(oracle.get(each));
            if (step.value === 0) oracle.delete(each);
            else oracle.set(each, step.value);
            values.set(each, step.value === 0 ? undefined : { n: step.value });
          }
        }
      }
      drained.push(values.drain());
      while (drained.length > 0) commitOldest();
      expect(values.changed).toBe(0);
      expect(new Map([...stored.values].map(([at, text]) => [at, JSON.parse(text).n]))).toEqual(
        new Map([...oracle].map(([at, n]) => [`state ${at}`, n])),
      );
    }),
    { numRuns: 500 },
  );
});

it("asks for what it does not have, and lets go of what was used longest ago, by count and by bytes", async () => {
  for (const limits of [
    { keys: 2, bytes: 1e9 },
    { keys: 1e9, bytes: 250 },
  ]) {
    const stored = new Stored();
    const values = new DurableValues(stored, "t", "state", limits);
    const load = async (...keys: string[]) => {
      stored.asked = [];
      await values.load(new Set(keys));
      return stored.asked;
    };
    expect(await load("a", "b", "c")).toEqual(["a", "b", "c"]);
    expect(await load("a")).toEqual(["a"]); // the oldest was let go of when this began
    values.set("b", { n: 1 });
    const changes = values.drain();
    expect(await load("c", "a", "d")).toEqual(["c", "d"]); // "b" is not durable yet, so "c" was let go of
    expect(await load("x")).toEqual(["x"]);
    expect(await load("b")).toEqual([]);
    stored.commit(changes);
    values.committed();
    await load("y");
    await load("z");
    expect(await load("b")).toEqual(["b"]);
    expect(values.get("b")).toEqual({ n: 1 });
  }
});

it("writes a key once, and nothing for one that was not there and is not there", async () => {
  const values = new DurableValues(new Stored(), "t", "state", { keys: 9, bytes: 1e9 });
  await values.load(new Set(["a", "b"]));
  values.set("a", { n: 1 });
  values.set("a", { n: 2 });
  values.set("b", { n: 1 });
  values.set("b", undefined);
  expect(values.changed).toBe(2);
  expect(values.drain()).toEqual([{ space: "state", key: "a", value: '{"n":2}' }]);
  values.set("a", undefined);
  expect(values.drain()).toEqual([{ space: "state", key: "a", value: null }]);
});
