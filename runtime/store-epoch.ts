/**
 * A data directory takes an epoch in its store before it writes there, and puts it into the names of its
 * fragments. This needs only that listing shows what was written; conditional writes would not help where they
 * are ignored. Another data directory's history under the same prefix is refused: mixing two would corrupt both.
 */
import { randomBytes } from "node:crypto";
import type { Head } from "./head/head.ts";
import type { ObjectStore } from "./store/store.ts";

const EPOCHS = "_weir/epochs/";
const NOTE = "store-epoch";

interface EpochNote {
  readonly epoch: number;
  readonly owner: string;
  /** False while it is not certain that the store has the claim: a crash may come between the two. */
  readonly claimed: boolean;
}

export class ForeignStoreError extends Error {
  override readonly name = "ForeignStoreError";
}

/** Whether this head has taken its epoch, so that it can start while the store cannot be reached. */
export async function hasStoreEpoch(head: Head): Promise<boolean> {
  const note = (await head.getNote(NOTE)) as EpochNote | undefined; // written below
  return note?.claimed === true;
}

/** The head's epoch in this store; takes one the first time. */
export async function storeEpoch(head: Head, store: ObjectStore): Promise<number> {
  const note = (await head.getNote(NOTE)) as EpochNote | undefined; // written below
  if (note?.claimed) return note.epoch;
  const epoch = 1;
  const owner = note?.owner ?? randomBytes(8).toString("hex");
  const mine = `${EPOCHS}${String(epoch).padStart(8, "0")}-${owner}`;
  await refuseRivals(store, mine);
  await head.setNote(NOTE, { epoch, owner, claimed: false });
  await store.put(mine, Buffer.from(`${JSON.stringify({ epoch, owner })}\n`));
  try {
    await refuseRivals(store, mine);
  } catch (error) {
    await store.delete([mine]);
    throw error;
  }
  await head.setNote(NOTE, { epoch, owner, claimed: true });
  return epoch;
}

async function refuseRivals(store: ObjectStore, mine: string): Promise<void> {
  for await (const { key } of store.list(EPOCHS)) {
    if (key === mine) continue;
    throw new ForeignStoreError(
      `${store.description} holds the history of another data directory (${key}). Give this one a store or prefix of its own, or run with the data directory that wrote it.`,
    );
  }
}
