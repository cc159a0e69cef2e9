/**
 * Taking a claim of a store, and holding it. The newest claim wins: a process that finds a newer one than its own
 * ends. Between its look and the end of an upload it may still put an object of its older epoch; readers ignore what
 * of that lies past the newer claim's ends, and the newer owner deletes it at its next start.
 */
import { protocolPoint } from "../../connectors/protocol-point.ts";
import type { Head } from "../head/head.ts";
import type { ObjectStore } from "../store/store.ts";
import {
  Boundaries,
  type Claim,
  type ClaimName,
  listClaims,
  newClaimName,
  olderThan,
  putClaim,
  readClaim,
} from "./claims.ts";
import { type Ownership, ownership, setOwnership } from "./ownership.ts";
import { Strays } from "./strays.ts";

/** The store holds another data directory's history. */
export class ForeignStoreError extends Error {
  override readonly name = "ForeignStoreError";
}

/** Another process writes to the store now: this one must end, and store nothing more. */
export class TakenOverError extends Error {
  override readonly name = "TakenOverError";
}

/** Whether the store is not this data directory's, or not any more: then nothing is put there again. */
export function isTakenOver(error: unknown): boolean {
  return error instanceof TakenOverError || error instanceof ForeignStoreError;
}

/** How long a look at the claims that was fine is believed, ms. */
const LOOK_EVERY_MS = 1_000;

export class HeldClaim {
  readonly epoch: number;
  readonly strays: Strays;
  readonly boundaries: Boundaries;
  readonly #store: ObjectStore;
  readonly #name: ClaimName;
  readonly #claim: Claim;
  #lookedAt = Number.NEGATIVE_INFINITY;

  private constructor(
    store: ObjectStore,
    name: ClaimName,
    claim: Claim,
    strays: Strays,
    boundaries: Boundaries,
  ) {
    this.epoch = name.epoch;
    this.strays = strays;
    this.boundaries = boundaries;
    this.#store = store;
    this.#name = name;
    this.#claim = claim;
  }

  /**
   * Takes a claim of this head's data directory. Throws `ForeignStoreError` or `TakenOverError`, and leaves the store
   * as it was, where the store is not its own, or not any more.
   */
  static async take(head: Head, store: ObjectStore): Promise<HeldClaim> {
    const own = await ownership(head);
    const listed = await listClaims(store);
    await refuseRivals(store, own, listed);
    const newest = own.held && (await readNewestOwn(store, own, listed));
    const highest = Math.max(0, own.held?.epoch ?? 0, ...listed.map(({ epoch }) => epoch));
    const name = newClaimName(highest + 1);
    await setOwnership(head, { ...own, tried: [...own.tried, name.key] });
    const { journals } = await head.survey();
    const { clock } = await head.snapshot();
    // After a restore objects of the history before it may hold what the head has taken over, up to where it was cut.
    const restored = own.restores.at(-1)?.ends ?? {};
    const ends = Object.fromEntries(
      journals.map(({ id, reached }) => [id, Math.max(reached, restored[id] ?? 0)] as const),
    );
    const { epoch } = name;
    const older = olderThan(newest);
    const claim: Claim = { epoch, owner: own.owner, kind: "start", clock, ends, older };
    protocolPoint("claim.put.before");
    await putClaim(store, name.key, claim);
    protocolPoint("claim.put.after");
    const strays = new Strays(head, store);
    try {
      await refuseRace(store, name);
      await strays.look(journals);
      const beyond = strays.beyond(journals, new Boundaries([newest]));
      if (beyond) {
        throw new TakenOverError(
          `${store.description} holds documents of this data directory's history that the directory itself does not have (${beyond.key}): it is an older copy of another. Run with that one; if it is lost, run "weir restore" with a new dataDir.`,
        );
      }
    } catch (error) {
      if (error instanceof TakenOverError) await store.delete([name.key]);
      throw error;
    }
    protocolPoint("claim.hold.before");
    await setOwnership(head, { ...own, history: own.history ?? epoch, held: name, tried: [] });
    protocolPoint("claim.hold.after");
    return new HeldClaim(store, name, claim, strays, new Boundaries([claim]));
  }

  /** The claim that this process took in another thread. */
  static async resume(head: Head, store: ObjectStore): Promise<HeldClaim> {
    const { held } = await ownership(head);
    const claim = held && (await readClaim(store, held));
    if (!claim) return HeldClaim.take(head, store);
    const strays = new Strays(head, store);
    await strays.look((await head.survey()).journals);
    return new HeldClaim(store, held, claim, strays, new Boundaries([claim]));
  }

  /** Nothing is believed any more: the next `verify` looks. */
  forget(): void {
    this.#lookedAt = Number.NEGATIVE_INFINITY;
  }

  /** Throws `TakenOverError` if there is a newer claim. To be asked before whatever is put. */
  async verify(): Promise<void> {
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_EVERY_MS) return;
    const listed = await listClaims(this.#store);
    const newer = listed.filter(({ epoch }) => epoch > this.epoch).at(-1);
    if (newer) throw await takenOver(this.#store, this.#claim.owner, newer, true);
    // What it says of those before it is in this one: they, and what a rival left that gave way, are not needed.
    const others = listed.filter(({ key }) => key !== this.#name.key).map(({ key }) => key);
    if (listed.length === others.length) await putClaim(this.#store, this.#name.key, this.#claim);
    if (others.length > 0) await this.#store.delete(others);
    this.#lookedAt = now;
  }
}

/**
 * Throws where another data directory, or another copy of this one, has a claim that this head's own do not come
 * after. Whether it may go on is known only once it has a claim of its own.
 */
export async function refuseTakenOver(head: Head, store: ObjectStore): Promise<void> {
  await refuseRivals(store, await ownership(head), await listClaims(store));
}

async function refuseRivals(
  store: ObjectStore,
  { owner, held, tried }: Ownership,
  listed: readonly ClaimName[],
): Promise<void> {
  const rival = listed
    .filter(({ key, epoch }) => key !== held?.key && !tried.includes(key) && epoch > (held?.epoch ?? 0))
    .at(-1);
  if (rival) throw await takenOver(store, owner, rival, held !== undefined);
}

/** The newest of its own claims: one that was put, and not yet known to be held, says more than the one before it. */
async function readNewestOwn(
  store: ObjectStore,
  { held, tried }: Ownership,
  listed: readonly ClaimName[],
): Promise<Claim | undefined> {
  const own = listed.filter(({ key }) => key === held?.key || tried.includes(key)).at(-1);
  return own && (await readClaim(store, own));
}

/** Two copies of one data directory may try at once: whoever sees the other gives way. */
async function refuseRace(store: ObjectStore, mine: ClaimName): Promise<void> {
  const listed = await listClaims(store);
  const rival = listed.find(({ key, epoch }) => key !== mine.key && epoch >= mine.epoch);
  if (rival) {
    throw new TakenOverError(
      `Another process claims ${store.description} at the same time (${rival.key}). Let one run, and start it again.`,
    );
  }
  if (!listed.some(({ key }) => key === mine.key)) {
    throw new Error(`${store.description} took the claim ${mine.key} and does not list it.`);
  }
}

async function takenOver(
  store: ObjectStore,
  owner: string,
  rival: ClaimName,
  hadIt: boolean,
): Promise<Error> {
  const claim = await readClaim(store, rival);
  if (hadIt && claim?.kind === "restore") {
    return new TakenOverError(
      `Another process has taken over ${store.description}: its history was restored into another data directory and goes on there (${rival.key}). This data directory stores nothing more there; run with the restored one.`,
    );
  }
  if (claim?.owner !== owner) {
    return new ForeignStoreError(
      `${store.description} holds the history of another data directory (${rival.key}). To go on with that history, run "weir restore" into a data directory that is empty; else give this one a store or prefix of its own, or run with the data directory that wrote it.`,
    );
  }
  return new TakenOverError(
    `Another process has taken over ${store.description} (${rival.key}): it runs on a copy of this data directory. Only one may: run with that copy, and delete this one.`,
  );
}
