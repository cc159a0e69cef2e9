/** The thread that moves history to the store: compression and uploads disturb neither commits nor tasks. */
import { setTimeout as sleep } from "node:timers/promises";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { Head } from "../head/head.ts";
import { openStore, type StoreConfig } from "../store/store.ts";
import { HeldClaim, isTakenOver } from "../store-epoch/held-claim.ts";
import { remote } from "../threads/remote.ts";
import { Archiver, type ArchiveSettings } from "./archiver.ts";

export interface ArchiveThreadData {
  readonly head: MessagePort;
  readonly store: StoreConfig;
  /** Whether this process has claimed the store already; else it does so when the store answers. */
  readonly isClaimed: boolean;
  readonly settings: ArchiveSettings;
  /** ms between rounds. */
  readonly intervalMs: number;
}

/** `everything`: also what is not due yet is put, at once. `stop`: the same, and then the thread ends. */
export type ArchiveCommand = "everything" | "stop";

export type ArchiveEvent =
  | { readonly kind: "ok" }
  | { readonly kind: "failed"; readonly message: string }
  /** The store is another process's: nothing is put there any more. */
  | { readonly kind: "taken-over"; readonly message: string };

if (!parentPort) throw new Error("archive-thread.ts runs as a worker thread only.");
const parent = parentPort;
const data = workerData as ArchiveThreadData; // set by the runtime
let asked: ArchiveCommand | undefined;
let pausing = new AbortController();
parent.on("message", (command: ArchiveCommand) => {
  if (asked !== "stop") asked = command;
  pausing.abort();
});

const head = remote<Head>(data.head);
const store = await openStore(data.store, { probe: false });
const MAX_BACKOFF_MS = 60_000;
let archiver: Archiver | undefined;
let failures = 0;
let hasEnded = false;

const round = async (everything: boolean): Promise<void> => {
  try {
    archiver ??= new Archiver(head, store, await claim(), data.settings);
    await archiver.round(everything);
    failures = 0;
    parent.postMessage({ kind: "ok" } satisfies ArchiveEvent);
  } catch (error) {
    failures++;
    hasEnded = isTakenOver(error);
    const message = error instanceof Error ? error.message : String(error);
    parent.postMessage({ kind: hasEnded ? "taken-over" : "failed", message } satisfies ArchiveEvent);
  }
};

function claim(): Promise<HeldClaim> {
  return data.isClaimed ? HeldClaim.resume(head, store) : HeldClaim.take(head, store);
}

while (asked !== "stop" && !hasEnded) {
  const everything = asked === "everything";
  asked = undefined;
  await round(everything);
  if (asked !== undefined || hasEnded) continue;
  pausing = new AbortController();
  const pause = Math.min(data.intervalMs * 2 ** failures, MAX_BACKOFF_MS);
  await sleep(pause, undefined, { signal: pausing.signal }).catch(() => {});
}
// What was committed until now reaches the store before the process ends, if the store can be reached.
if (!hasEnded) await round(true);
await store.close();
process.exit(0);
