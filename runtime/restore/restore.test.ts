import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import type { StateChange } from "../head/head.ts";
import { isInternal } from "../internal-collections.ts";
import { parseFragmentKey } from "../store/fragment-name.ts";
import type { ObjectStore } from "../store/store.ts";
import { type Directory, memberOf, TASKS, World } from "./fixtures/directories.ts";

const DAY_US = 86_400_000_000;
const KEYS = ["a", "b", "odd \u0000 key", "x".repeat(500)];

async function world(): Promise<World> {
  const made = await World.open();
  onTestFinished(() => made.close());
  return made;
}

const change = (key: string, value: number | null): StateChange => ({
  space: "state",
  key,
  value: value === null ? null : `{"v":${value}}`,
});

it("brings back documents, positions and state of the newest cut, and nothing that came after", async () => {
  const w = await world();
  const first = w.add(w.nextDirectory(), []);
  await first.commit("sum", ["", "land=NL"], [change("a", 1), change("b", 2)]);
  await first.commit("count", [""], [change("a", 7)]);
  await first.commit("sum", [], [change("b", null)]);
  await first.round(true);
  await first.commit("sum", [""], [change("a", 3)]);
  const { directory, clock } = await w.restore();
  expect(clock).toBe(await first.restorableTo());
  const contents = await directory.contents(KEYS);
  expect(contents).toEqual(first.expected(clock));
  expect(contents.checkpoints).toEqual({ sum: 2, count: 1 });
  expect(contents.state).toEqual({ "sum state a": '{"v":1}', "count state a": '{"v":7}' });
});

it("ends the process that wrote the history, and goes on under the same journals", async () => {
  const w = await world();
  const first = w.add(w.nextDirectory(), []);
  await first.commit("sum", [""], []);
  await first.round(true);
  const { directory } = await w.restore();
  await first.commit("sum", [""], []);
  await expect(first.round(true)).rejects.toThrow(/restored into another data directory/);
  await first.restart();
  await expect(first.round(true)).rejects.toThrow(/restored into another data directory/);
  await directory.commit("sum", [""], []);
  await directory.round(true);
  const documents = (await directory.contents(KEYS)).documents;
  expect(Object.keys(documents)).toEqual(Object.keys(first.expected().documents));
  expect(Object.values(documents)).toEqual([[0, 2]]);
});

it("refuses a copy of the data directory that lacks what the store has, and takes nothing from the other", async () => {
  const w = await world();
  const first = w.add(w.nextDirectory(), []);
  await first.commit("sum", [""], []);
  await first.round(true);
  const copy = await first.copy();
  await first.commit("sum", [""], []);
  await first.round(true);
  await expect(copy.round(true)).rejects.toThrow(/it is an older copy of another.*weir restore/);
  await first.commit("sum", [""], []);
  await first.round(true);
  expect(await keysOf(w.store, "_weir/epochs/", () => true)).toHaveLength(1);
  const { directory, clock } = await w.restore();
  expect(await directory.contents(KEYS)).toEqual(first.expected());
  expect(clock).toBe(await first.restorableTo());
});

it("lets a copy that lacks nothing take over: the process whose copy it is ends", async () => {
  const w = await world();
  const first = w.add(w.nextDirectory(), []);
  await first.commit("sum", [""], []);
  await first.round(true);
  const copy = await first.copy();
  await copy.commit("sum", [""], []);
  await copy.round(true);
  await first.commit("sum", [""], []);
  await expect(first.round(true)).rejects.toThrow(/it runs on a copy of this data directory/);
  const { directory } = await w.restore();
  expect(await directory.contents(KEYS)).toEqual(copy.expected());
});

it("says which documents the store lacks, and takes the cut before where that has all of them", async () => {
  const w = await world();
  const first = w.add(w.nextDirectory(), []);
  await first.commit("sum", [""], []);
  await first.round(true);
  const before = await first.restorableTo();
  w.now += DAY_US;
  await first.commit("sum", [""], []);
  await first.round(true);
  const tails = await keysOf(w.store, "shop/", (key) => key.includes("_tail"));
  expect(tails).toHaveLength(1);
  await w.store.delete(tails);
  const { clock, directory } = await w.restore();
  expect(clock).toBe(before);
  expect(await directory.contents(KEYS)).toEqual(first.expected(before));

  const full = await keysOf(w.store, "shop/", (key) => !key.includes("_tail"));
  await w.store.delete(full);
  await expect(w.restore()).rejects.toThrow(/shop\/orders\/p=00\/ lacks the documents at offsets 0 to 0/);
});

it("takes another object, or the cut before, where one is damaged", async () => {
  const w = await world();
  const first = w.add(w.nextDirectory(), []);
  await first.commit("sum", [""], []);
  await first.round(true);
  const before = await first.restorableTo();
  w.now += DAY_US;
  await first.commit("sum", [""], []);
  await first.round(true);
  const [tail = ""] = await keysOf(w.store, "shop/", (key) => key.includes("_tail"));
  const bytes = await w.store.get(tail);
  await w.store.put(
    tail,
    bytes.map((byte, i) => (i === bytes.length - 6 ? byte ^ 1 : byte)),
  );
  const { clock } = await w.restore();
  expect(clock).toBe(before);
});

it("passes over a cut that comes late, from a process that had been taken over from", async () => {
  const w = await world();
  const first = w.add(w.nextDirectory(), []);
  await first.commit("sum", [""], []);
  await first.round(true);
  // It holds no new document: nothing but its epoch and its time tell that it does not count.
  await first.commit("sum", [], []);
  const late: (() => Promise<void>)[] = [];
  await first.round(true, delaying(w.store, late)).catch(expected);
  expect(late).toHaveLength(1);
  const { directory, clock } = await w.restore();
  for (const put of late) await put();
  expect((await keysOf(w.store, "_weir/cuts/", () => true)).length).toBe(2);
  const again = await w.restore();
  expect(again.clock).toBe(clock);
  expect(await again.directory.contents(KEYS)).toEqual(await directory.contents(KEYS));
});

it("deletes what a former history left past the cut, once what of it counts is stored anew", async () => {
  const w = await world();
  const first = w.add(w.nextDirectory(), []);
  for (let i = 0; i < 4; i++) await first.commit("sum", [""], []);
  await first.round(true);
  // A full fragment that begins before the cut and ends after it, of a process that never put its next cut.
  for (let i = 0; i < 20; i++) await first.commit("sum", [""], []);
  await first.round(true, refusing(w.store, "_weir/cuts/")).catch(expected);
  const lake = () => keysOf(w.store, "shop/orders/p=00/date=", () => true);
  const [stray = ""] = await lake();
  expect(parseFragmentKey(stray)).toMatchObject({ first: 0 });
  const { directory, clock } = await w.restore();
  expect((await directory.contents(KEYS)).documents).toEqual(first.expected(clock).documents);
  directory.commits = first.commits.filter(({ at }) => at <= clock);
  // The store never lacks the documents before the cut: the disk may be lost again at any moment.
  const counting = new Proxy(w.store, {
    get: (store, name) =>
      name === "delete"
        ? async (keys: string[]) => {
            await store.delete(keys);
            if (!keys.includes(stray)) return;
            const again = await w.restore();
            expect(await again.directory.contents(KEYS)).toEqual(directory.expected());
          }
        : memberOf(store, name),
  });
  await directory.round(true, counting).catch(expected);
  expect(await lake()).toEqual([]);
  const owner = w.directories.at(-1) as Directory; // restored while the stray was deleted
  expect(owner).not.toBe(directory);
  owner.commits = [...directory.commits];
  w.now += DAY_US;
  await owner.commit("sum", [""], []);
  await owner.round(true);
  expect((await lake()).map((key) => parseFragmentKey(key)?.last)).toEqual([3]);
});

it("keeps few tails of a journal in which little happens, and puts no document often", async () => {
  const w = await world();
  const first = w.add(w.nextDirectory(), []);
  let puts = 0;
  let documents = 0;
  const counting: ObjectStore = new Proxy(w.store, {
    get: (store, name) =>
      name === "put"
        ? (key: string, bytes: Uint8Array) => {
            const fragment = parseFragmentKey(key);
            if (fragment?.collection === "shop/orders") {
              puts++;
              documents += fragment.last - fragment.first + 1;
            }
            return store.put(key, bytes);
          }
        : memberOf(store, name),
  });
  const rounds = 12;
  let most = 0;
  for (let i = 0; i < rounds; i++) {
    await first.commit("sum", [""], []);
    w.now += 61_000_000;
    await first.round(false, counting);
    most = Math.max(most, (await keysOf(w.store, "shop/", (key) => key.includes("_tail"))).length);
  }
  expect(puts).toBeGreaterThanOrEqual(rounds);
  expect(most).toBeLessThanOrEqual(Math.ceil(Math.log2(rounds)));
  expect(documents).toBeLessThanOrEqual(rounds * (1 + Math.log(rounds) / Math.log(1.5)));
});

type Step =
  | { kind: "commit"; who: number; task: 0 | 1; places: string[]; state: [number, number | null][] }
  | { kind: "wait"; us: number }
  | { kind: "round"; who: number; everything: boolean }
  | { kind: "restart"; who: number }
  | { kind: "fail"; who: number; at: "put" | "list" | "delete"; after: number }
  | { kind: "late"; who: number }
  | { kind: "deliver" }
  | { kind: "copy"; who: number }
  | { kind: "restore" };

// Mostly of the newest directory.
const who = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(2) });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("commit" as const),
      who,
      task: fc.constantFrom(0 as const, 1 as const),
      places: fc
        .array(fc.constantFrom("", "", "land=NL", "land=BE"), { maxLength: 3 })
        .map((all) => [...new Set(all)]),
      state: fc.array(fc.tuple(fc.nat(KEYS.length - 1), fc.option(fc.nat(9))), { maxLength: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), us: fc.constantFrom(1, 61_000_000, DAY_US) }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("round" as const), who, everything: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const), who }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("fail" as const),
      who,
      at: fc.constantFrom("put" as const, "list" as const, "delete" as const),
      after: fc.nat(6),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("late" as const), who }) },
  { weight: 1, arbitrary: fc.constant({ kind: "deliver" as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("copy" as const), who }) },
  { weight: 1, arbitrary: fc.constant({ kind: "restore" as const }) },
);

it("refuses a copy that was made before the first claim: it has another history", async () => {
  const w = await world();
  const first = w.add(w.nextDirectory(), []);
  const copy = await first.copy();
  await first.round(false);
  await copy.commit("sum", [""], []);
  await expect(copy.round(true)).rejects.toThrow(/holds the history of another data directory/);
  await first.round(true);
});

it("whatever happens: a restore gives one moment of the history, no older than was promised, and no offset is there twice", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const w = await World.open();
      try {
        await play(w, steps);
      } finally {
        await w.close();
      }
    }),
    { numRuns: Number(process.env.WEIR_TEST_RUNS ?? 25) },
  );
}, 300_000);

async function play(w: World, steps: readonly Step[]): Promise<void> {
  w.add(w.nextDirectory(), []);
  const late: (() => Promise<void>)[] = [];
  /** The newest that was not told to end is 0. */
  const alive = (index: number): Directory | undefined =>
    w.directories.filter(({ takenOver }) => !takenOver).at(-1 - index);
  for (const s of steps) {
    switch (s.kind) {
      case "commit": {
        const state = new Map(s.state.map(([key, value]) => [KEYS[key] ?? "", value]));
        const changes = [...state].map(([key, value]) => change(key, value));
        await alive(s.who)?.commit(TASKS[s.task], s.places, changes);
        break;
      }
      case "wait":
        w.now += s.us;
        break;
      case "round":
        await alive(s.who)?.round(s.everything).catch(expected);
        break;
      case "restart":
        await alive(s.who)?.restart();
        break;
      case "fail":
        await alive(s.who)
          ?.round(true, failing(w.store, s.at, s.after))
          .catch(expected);
        break;
      case "late":
        await alive(s.who)?.round(true, delaying(w.store, late)).catch(expected);
        break;
      case "deliver":
        for (const put of late.splice(0)) await put();
        break;
      case "copy":
        await alive(s.who)?.copy();
        break;
      case "restore":
        await restored(w);
        break;
      default:
        s satisfies never;
    }
  }
  for (const put of late.splice(0)) await put();
  const owner = await restored(w);
  await owner.round(true);
  await owner.restart(); // what came late is seen at a start
  await owner.commit("sum", ["", "land=NL", "land=BE"], []);
  w.now += DAY_US;
  await owner.round(true);
  await owner.round(true);
  expect(await owner.contents(KEYS)).toEqual(owner.expected());
  await assertLake(w, owner);
  for (const other of w.directories) {
    if (other === owner) continue;
    await other.restart();
    await expect(other.round(true)).rejects.toThrow(/data directory/);
  }
  await assertLake(w, owner);
}

/** Restores, and finds the history whose moment it is. Whose history the store holds then. */
async function restored(w: World): Promise<Directory> {
  const promised = await promisedClock(w);
  const former = [...w.directories];
  let result: Awaited<ReturnType<World["restore"]>>;
  try {
    result = await w.restore();
  } catch (error) {
    // There may be no cut yet; never where one was promised.
    if (promised > 0) throw error;
    return roundOfOwner(former);
  }
  const { directory, clock } = result;
  const contents = await directory.contents(KEYS);
  const possible = former.filter(({ endsAt }) => clock <= endsAt);
  const origin = possible.find((each) => isSame(each.expected(clock), contents));
  if (!origin) {
    expect(contents).toEqual(possible.map((each) => each.expected(clock)));
    throw new Error("The restored contents are no moment of any history.");
  }
  expect(clock).toBeGreaterThanOrEqual(promised);
  directory.commits = origin.commits.filter(({ at }) => at <= clock);
  for (const each of former) each.endsAt = Math.min(each.endsAt, clock);
  return directory;
}

/** Of copies that were made before the first claim, the newest need not be the one whose history the store holds. */
async function roundOfOwner(directories: readonly Directory[]): Promise<Directory> {
  for (const directory of directories.toReversed()) {
    try {
      await directory.round(true);
      return directory;
    } catch (error) {
      expected(error);
    }
  }
  throw new Error("Every directory was refused the store.");
}

/** What the directory that holds the store has been told to be safe. */
async function promisedClock(w: World): Promise<number> {
  const claims = await keysOf(w.store, "_weir/epochs/", () => true);
  for (const directory of w.directories) {
    const note = (await directory.head.getNote("store-epoch")) as { held?: { key: string } } | undefined;
    if (note?.held && note.held.key === claims.at(-1)) return directory.restorableTo();
  }
  return 0;
}

function isSame(a: unknown, b: unknown): boolean {
  try {
    expect(a).toEqual(b);
    return true;
  } catch {
    return false;
  }
}

/** Someone who reads the lake's own folders sees every document of the past days once. */
async function assertLake(w: World, owner: Directory): Promise<void> {
  const journals = (await owner.head.journals()).filter((each) => !isInternal(each.collection));
  const expectedDocuments = owner.expected().documents;
  for (const { collection, logical, id } of journals) {
    const folder = `${collection}/${logical === "" ? "" : `${logical}/`}p=00/date=`;
    let next = 0;
    for (const key of await keysOf(w.store, folder, () => true)) {
      const name = parseFragmentKey(key);
      expect(name?.first, key).toBe(next);
      next = (name?.last ?? 0) + 1;
    }
    expect(next).toBe(expectedDocuments[id]?.length ?? 0);
  }
}

async function keysOf(
  store: ObjectStore,
  prefix: string,
  wanted: (key: string) => boolean,
): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) if (wanted(key)) keys.push(key);
  return keys;
}

/** What a round may be told: a store that fails, and that it is not its own any more. */
function expected(error: unknown): void {
  if (error instanceof Error && /was cut off|TakenOver|ForeignStore/.test(`${error.name} ${error.message}`))
    return;
  throw error;
}

/** A real store whose one operation is cut off after so many: it has done its work, and the caller never hears of it. */
function failing(store: ObjectStore, operation: "put" | "list" | "delete", after: number): ObjectStore {
  let left = after;
  const fail = () => {
    throw new Error(`${operation} was cut off`);
  };
  return new Proxy(store, {
    get(target, name) {
      if (name !== operation || left-- > 0) return memberOf(target, name);
      if (name === "put") return (key: string, bytes: Uint8Array) => target.put(key, bytes).then(fail);
      if (name === "delete") return (keys: string[]) => target.delete(keys).then(fail);
      return fail;
    },
  });
}

/** A real store that takes no object whose key begins so. */
function refusing(store: ObjectStore, prefix: string): ObjectStore {
  return new Proxy(store, {
    get: (target, name) =>
      name === "put"
        ? async (key: string, bytes: Uint8Array) => {
            if (key.startsWith(prefix)) throw new Error("put was cut off");
            return target.put(key, bytes);
          }
        : memberOf(target, name),
  });
}

/** A real store to which one fragment or cut comes later: the process that sent it had stopped waiting. */
function delaying(store: ObjectStore, late: (() => Promise<void>)[]): ObjectStore {
  return new Proxy(store, {
    get(target, name) {
      if (name !== "put") return memberOf(target, name);
      return async (key: string, bytes: Uint8Array) => {
        if (key.startsWith("_weir/epochs/")) return target.put(key, bytes);
        late.push(() => target.put(key, bytes));
        throw new Error("put was cut off");
      };
    },
  });
}
