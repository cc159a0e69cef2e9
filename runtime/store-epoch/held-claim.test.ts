import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { EmbeddedHead } from "../head/embedded-head.ts";
import type { Head } from "../head/head.ts";
import { HeadService } from "../head/head-service.ts";
import { STORE_EPOCH } from "../notes.ts";
import { memberOf } from "../restore/fixtures/directories.ts";
import { type ObjectStore, openStore } from "../store/store.ts";
import { Boundaries, listClaims, readClaim } from "./claims.ts";
import { HeldClaim, refuseTakenOver } from "./held-claim.ts";
import { historyOf, isPastCut, type RestorePoint } from "./ownership.ts";

async function world() {
  const directory = mkdtempSync(join(tmpdir(), "weir-claims-"));
  const head = (name: string): Head => {
    const service = new HeadService(new EmbeddedHead(join(directory, name)), (error) => {
      throw error;
    });
    onTestFinished(() => service.close());
    return service;
  };
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return { head, store: await openStore({ directory: join(directory, "store") }) };
}

/** A real store; after so many puts have done their work the process is killed. */
function killedAfterPut(store: ObjectStore): ObjectStore {
  return new Proxy(store, {
    get: (target, name) =>
      name === "put"
        ? async (key: string, bytes: Uint8Array) => {
            await target.put(key, bytes);
            throw new Error("killed");
          }
        : memberOf(target, name),
  });
}

it("has a number above all before it; the history keeps that of the first", async () => {
  const { head, store } = await world();
  const mine = head("a");
  for (const epoch of [1, 2, 3]) expect((await HeldClaim.take(mine, store)).epoch).toBe(epoch);
  expect((await historyOf(mine)).epoch).toBe(1);
});

it("leaves one claim in the store, which says what those before it said", async () => {
  const { head, store } = await world();
  const mine = head("a");
  for (let i = 0; i < 12; i++) await (await HeldClaim.take(mine, store)).verify();
  const names = await listClaims(store);
  expect(names.map(({ epoch }) => epoch)).toEqual([12]);
  const claim = names[0] && (await readClaim(store, names[0]));
  expect(claim?.older.map(({ epoch }) => epoch)).toEqual([4, 5, 6, 7, 8, 9, 10, 11]);
});

it("is refused where another data directory writes its history, with what to do", async () => {
  const { head, store } = await world();
  await HeldClaim.take(head("a"), store);
  const refusal =
    /holds the history of another data directory .*_weir\/epochs\/00000001-.*run "weir restore" into a data directory that is empty; else give this one a store or prefix/;
  await expect(HeldClaim.take(head("b"), store)).rejects.toThrow(refusal);
  await expect(refuseTakenOver(head("c"), store)).rejects.toThrow(refusal);
  expect(await listClaims(store)).toHaveLength(1);
});

it("is taken anew after a crash between putting it and knowing that it is held", async () => {
  const { head, store } = await world();
  const mine = head("a");
  await expect(HeldClaim.take(mine, killedAfterPut(store))).rejects.toThrow("killed");
  const held = await HeldClaim.take(mine, store);
  await expect(HeldClaim.take(mine, killedAfterPut(store))).rejects.toThrow("killed");
  const again = await HeldClaim.take(mine, store);
  expect([held.epoch, again.epoch]).toEqual([2, 4]);
  expect((await historyOf(mine)).epoch).toBe(2);
  await again.verify();
  expect((await listClaims(store)).map(({ epoch }) => epoch)).toEqual([4]);
  await expect(held.verify()).rejects.toThrow(/has taken over/);
});

it("gives way where another process claims at the same time, and leaves nothing", async () => {
  const { head, store } = await world();
  const mine = head("a");
  await HeldClaim.take(mine, store);
  const rival = "_weir/epochs/00000002-rival";
  const racing: ObjectStore = new Proxy(store, {
    get: (target, name) =>
      name === "put"
        ? async (key: string, bytes: Uint8Array) => {
            await target.put(rival, Buffer.from("{}"));
            await target.put(key, bytes);
          }
        : memberOf(target, name),
  });
  await expect(HeldClaim.take(mine, racing)).rejects.toThrow(/at the same time/);
  expect((await listClaims(store)).map(({ key }) => key)).toContain(rival);
  expect((await listClaims(store)).map(({ epoch }) => epoch)).toEqual([1, 2]);
});

it("goes on from the claim of the version before, whose name and note were others", async () => {
  const { head, store } = await world();
  const mine = head("a");
  await mine.setNote(STORE_EPOCH, { epoch: 1, owner: "0011223344556677", claimed: true });
  await store.put(
    "_weir/epochs/00000001-0011223344556677",
    Buffer.from('{"epoch":1,"owner":"0011223344556677"}\n'),
  );
  expect((await HeldClaim.take(mine, store)).epoch).toBe(2);
  expect((await historyOf(mine)).epoch).toBe(1);
});

it("what objects of older epochs count ends at the least that a newer claim says, and at 0 for a journal it does not name", () => {
  const start = (epoch: number, end: number) => ({
    epoch,
    owner: "o",
    kind: "start" as const,
    clock: epoch * 100,
    ends: { j: end },
  });
  const boundaries = new Boundaries([{ ...start(5, 70), older: [start(2, 30), start(4, 50)] }]);
  expect([1, 2, 3, 4, 5, 6].map((epoch) => boundaries.limit(epoch, "j"))).toEqual([
    30,
    50,
    50,
    70,
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
  ]);
  expect(boundaries.limit(4, "other")).toBe(0);
  expect([boundaries.counts(1, 200), boundaries.counts(1, 201), boundaries.counts(4, 500)]).toEqual([
    true,
    false,
    true,
  ]);
});

it("a position is past the cut where it was made before a restore and stands beyond its ends", () => {
  const restores: RestorePoint[] = [
    { epoch: 3, ends: { j: 10 } },
    { epoch: 7, ends: { j: 20, k: 5 } },
  ];
  const isKnown = (id: string) => id === "j" || id === "k";
  const past = (position: Record<string, readonly [number, number]>) =>
    isPastCut(position, restores, isKnown);
  expect(past({})).toBe(false);
  expect(past({ j: [1, 10] })).toBe(false);
  expect(past({ j: [1, 11] })).toBe(true);
  expect(past({ j: [3, 11] })).toBe(false);
  expect(past({ j: [3, 21] })).toBe(true);
  expect(past({ j: [7, 100] })).toBe(false);
  // A partition that was made after the cut.
  expect(past({ j: [1, 5], gone: [1, 1] })).toBe(true);
  // Another data directory's: not for a restore of this one to judge.
  expect(past({ gone: [1, 1] })).toBe(false);
});
