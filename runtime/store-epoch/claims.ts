/**
 * Claims: who writes to a store. Each start of a process on a data directory puts one, `_weir/epochs/<number>-<random>`,
 * with a number above all others; fragments and cuts carry it as their epoch. A claim says, for each journal, up to
 * where objects of older epochs count. That needs only that a listing shows what was written, no conditional writes.
 */
import { randomBytes } from "node:crypto";
import type { JournalId } from "../head/head.ts";
import { ObjectNotFoundError, type ObjectStore } from "../store/store.ts";

const EPOCHS = "_weir/epochs/";
const NAME = /^_weir\/epochs\/(\d{8,})-[0-9a-z]+$/;

export interface ClaimName {
  readonly epoch: number;
  readonly key: string;
}

/** Up to where objects of older epochs count. */
export interface Boundary {
  readonly epoch: number;
  /** `restore`: a history goes on from a cut, in a data directory that was made from the store. */
  readonly kind: "start" | "restore";
  /** Commit clock, µs since 1970 UTC: cuts of older epochs past it do not count. */
  readonly clock: number;
  /** Offset from which on objects of older epochs do not count; 0 for a journal that is not named. */
  readonly ends: Readonly<Record<JournalId, number>>;
}

export interface Claim extends Boundary {
  /** Names the data directory, and its copies. */
  readonly owner: string;
  /** Of the claims before it, which are deleted: all restores, and the last starts. */
  readonly older: readonly Boundary[];
}

/** Starts before the newest that are remembered: against a process that wakes up after so many. */
const STARTS_KEPT = 8;

export function newClaimName(epoch: number): ClaimName {
  return { epoch, key: `${EPOCHS}${String(epoch).padStart(8, "0")}-${randomBytes(8).toString("hex")}` };
}

/** In the order of their numbers. */
export async function listClaims(store: ObjectStore): Promise<readonly ClaimName[]> {
  const found: ClaimName[] = [];
  for await (const { key } of store.list(EPOCHS)) {
    const number = NAME.exec(key)?.[1];
    if (number !== undefined) found.push({ epoch: Number(number), key });
  }
  return found.sort((a, b) => a.epoch - b.epoch);
}

export async function putClaim(store: ObjectStore, key: string, claim: Claim): Promise<void> {
  await store.put(key, Buffer.from(`${JSON.stringify(claim)}\n`));
}

/** Undefined if it has been deleted since. Throws if it cannot be read. */
export async function readClaim(store: ObjectStore, { key, epoch }: ClaimName): Promise<Claim | undefined> {
  let text: string;
  try {
    text = Buffer.from(await store.get(key)).toString("utf8");
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return undefined;
    throw error;
  }
  let claim: Partial<Claim>;
  try {
    claim = JSON.parse(text) as Partial<Claim>; // written by `putClaim`, or by the version before
  } catch (cause) {
    throw new Error(`The claim ${key} in ${store.description} is damaged: it is not JSON.`, { cause });
  }
  const { owner = "", kind = "start", clock = 0, ends = {}, older = [] } = claim;
  return { epoch, owner, kind, clock, ends, older };
}

/** What the claim after this one says of it and of those before it. */
export function olderThan(claim: Claim | undefined): Boundary[] {
  if (!claim) return [];
  const { epoch, kind, clock, ends } = claim;
  const all = [...claim.older, { epoch, kind, clock, ends }].sort((a, b) => a.epoch - b.epoch);
  const starts = all.filter((each) => each.kind === "start").slice(-STARTS_KEPT);
  return all.filter((each) => each.kind === "restore" || starts.includes(each));
}

/** What the claims of a store say together. */
export class Boundaries {
  readonly all: readonly Boundary[];

  constructor(claims: readonly (Claim | undefined)[]) {
    const all = claims.flatMap((claim) => (claim ? [claim, ...claim.older] : []));
    this.all = [...new Map(all.map((each) => [`${each.epoch} ${each.kind}`, each])).values()].sort(
      (a, b) => a.epoch - b.epoch,
    );
  }

  /** Offset up to which an object of this epoch counts; what it holds from there on belongs to no history. */
  limit(epoch: number, journal: JournalId): number {
    let limit = Number.POSITIVE_INFINITY;
    for (const newer of this.all) {
      if (newer.epoch > epoch) limit = Math.min(limit, newer.ends[journal] ?? 0);
    }
    return limit;
  }

  /** Whether a cut of this epoch, at this commit clock, counts. */
  counts(epoch: number, clock: number): boolean {
    return this.all.every((newer) => newer.epoch <= epoch || clock <= newer.clock);
  }
}
