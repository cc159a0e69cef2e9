/**
 * Makes a data directory again from what the store alone has: the newest cut, and the documents up to it. The head is
 * written under another name and gets its own at the very end: what ends in between leaves an empty data directory.
 */
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { protocolPoint } from "../../connectors/protocol-point.ts";
import type { Json } from "../../plan/plan.ts";
import { lockDataDirectory } from "../data-directory-lock.ts";
import { type Environment, resolveEnvironment } from "../environment.ts";
import type { SnapshotJournal, StoredCut } from "../head/head.ts";
import { loggedTask } from "../head/state-log.ts";
import { taskOf } from "../head/task-layout.ts";
import { isInternal } from "../internal-collections.ts";
import type { Run } from "../journal/run.ts";
import { parseRun, runFrom, runHead } from "../journal/runs.ts";
import { STATE_LOGGED, STORE_EPOCH, STORED_CUT } from "../notes.ts";
import type { RuntimeConfig } from "../runtime.ts";
import { CorruptFragmentError } from "../store/corrupt-fragment.ts";
import { decodeFragment } from "../store/fragment.ts";
import { formatTime } from "../store/fragment-time.ts";
import { type ObjectStore, openStore, type StoreConfig, StoreError } from "../store/store.ts";
import { type Claim, type ClaimName, listClaims, newClaimName, putClaim } from "../store-epoch/claims.ts";
import { noteOf, type Ownership } from "../store-epoch/ownership.ts";
import { type Candidate, endOf, havingOffset, wholeFragments } from "./coverage.ts";
import { HeadWriter } from "./head-writer.ts";
import {
  type Claims,
  hasNewerCut,
  newestCut,
  type RestorableCut,
  RestoreError,
  readClaims,
} from "./store-contents.ts";

export interface RestoreReport {
  readonly store: string;
  /** Commit time of the cut, ISO 8601. */
  readonly restoredTo: string;
  readonly collections: readonly { readonly name: string; readonly documents: number }[];
  /** Captures and derivations whose position, cursor and state came back. */
  readonly tasks: readonly string[];
  /** Newer cuts that were passed over, and why. */
  readonly passedOver: readonly string[];
}

export interface RestoreOptions {
  /** Looks whether everything is there, and writes nothing. */
  readonly dryRun: boolean;
}

const UNFINISHED = "head.restoring";

/** Throws if the data directory is in use or not empty, and `RestoreError` if the store cannot bring its history back. */
export async function restore(
  config: RuntimeConfig,
  environment: Environment,
  { dryRun }: RestoreOptions,
): Promise<RestoreReport> {
  const { dataDir } = config;
  if (existsSync(join(dataDir, "head"))) {
    throw new RestoreError(
      `The data directory ${dataDir} has a history of its own: "weir run" goes on with it. To restore from the store all the same, move it away or name another dataDir.`,
    );
  }
  const lock = await lockDataDirectory(dataDir);
  try {
    // The references have been replaced: what is left is the store's own configuration.
    const store = await openStore(resolveEnvironment(config.store, environment) as StoreConfig);
    try {
      return await restoreInto(dataDir, store, dryRun);
    } finally {
      await store.close();
    }
  } finally {
    lock.release();
  }
}

/** The same, of a directory that this process has for itself. */
export async function restoreInto(
  dataDir: string,
  store: ObjectStore,
  dryRun: boolean,
): Promise<RestoreReport> {
  const unreadable = new Map<string, string>();
  for (;;) {
    const claims = await readClaims(store);
    const found = await newestCut(store, claims, unreadable);
    try {
      if (dryRun || (await writeAndClaim(dataDir, store, claims, found))) return reportOf(store, found);
      // Else the process whose history this is has put a newer cut meanwhile.
    } catch (error) {
      if (!isDamage(error)) throw error;
      unreadable.set(found.name.key, error.message);
    }
  }
}

/** A cut before may not need what is damaged. */
function isDamage(error: unknown): error is Error {
  return error instanceof CorruptFragmentError || error instanceof UnreadableError;
}

class UnreadableError extends Error {}

function reportOf(store: ObjectStore, { cut, passedOver }: RestorableCut): RestoreReport {
  const documents = new Map<string, number>();
  for (const { collection, next } of cut.journals) {
    if (!isInternal(collection)) documents.set(collection, (documents.get(collection) ?? 0) + next);
  }
  return {
    store: store.description,
    restoredTo: formatTime(cut.clock),
    collections: [...documents].sort().map(([name, count]) => ({ name, documents: count })),
    tasks: [...new Set(Object.keys(cut.tasks).map(taskOf))].sort(),
    passedOver,
  };
}

/** False where a newer cut came, which is to be taken. */
async function writeAndClaim(
  dataDir: string,
  store: ObjectStore,
  claims: Claims,
  found: RestorableCut,
): Promise<boolean> {
  const unfinished = join(dataDir, UNFINISHED);
  rmSync(unfinished, { recursive: true, force: true });
  const writer = new HeadWriter(unfinished);
  const ends = Object.fromEntries(found.cut.journals.map(({ id, next }) => [id, next]));
  let claimed: ClaimName;
  try {
    for (const journal of found.cut.journals) {
      await writeJournal(writer, store, journal, found.candidates.get(journal.id) ?? []);
    }
    protocolPoint("restore.written.after");
    const owner = randomBytes(8).toString("hex");
    claimed = await claim(store, owner, claims, found);
    if (await hasNewerCut(store, claims, found)) {
      await store.delete([claimed.key]);
      return false;
    }
    const restores = claims.boundaries.all.filter(({ kind }) => kind === "restore");
    const ownership: Ownership = {
      owner,
      history: claimed.epoch,
      held: claimed,
      tried: [],
      restores: [
        ...restores.map((each) => ({ epoch: each.epoch, ends: each.ends })),
        { epoch: claimed.epoch, ends },
      ],
    };
    const stored: StoredCut = { clock: found.cut.clock, ends };
    writer.finish(found.cut.clock, found.cut.tasks, {
      ...found.cut.notes,
      [STORE_EPOCH]: noteOf(ownership),
      [STORED_CUT]: { ...stored } as Json,
      [STATE_LOGGED]: true,
    });
  } finally {
    await writer.close();
  }
  protocolPoint("restore.claim.after");
  renameSync(unfinished, join(dataDir, "head"));
  flush(dataDir);
  protocolPoint("restore.rename.after");
  return true;
}

/** Takes the store over: the process whose history this was ends at its next look. */
async function claim(
  store: ObjectStore,
  owner: string,
  { names, boundaries }: Claims,
  { cut }: RestorableCut,
): Promise<ClaimName> {
  const ends = Object.fromEntries(cut.journals.map(({ id, next }) => [id, next]));
  let highest = Math.max(0, ...names.map(({ epoch }) => epoch));
  for (;;) {
    const name = newClaimName(highest + 1);
    const { epoch } = name;
    const older = [...boundaries.all];
    const mine: Claim = { epoch, owner, kind: "restore", clock: cut.clock, ends, older };
    await putClaim(store, name.key, mine);
    protocolPoint("restore.claim.put");
    const listed = await listClaims(store);
    const rival = listed.findLast(({ key, epoch: other }) => key !== name.key && other >= epoch);
    if (!rival) return name;
    await store.delete([name.key]);
    highest = rival.epoch;
  }
}

async function writeJournal(
  writer: HeadWriter,
  store: ObjectStore,
  journal: SnapshotJournal,
  candidates: readonly Candidate[],
): Promise<void> {
  const { start, next } = journal;
  const number = writer.begin();
  const whole = wholeFragments(candidates, start, next);
  const task = loggedTask(journal.collection);
  const replay = (runs: readonly Run[]) => {
    if (task !== undefined) for (const run of runs) writer.values(task, parseRun(run));
  };
  if (task !== undefined)
    for (const { key } of whole) replay((await decodeFragment(await store.get(key), key)).runs);
  let headBytes = 0;
  let offset = (whole.at(-1)?.last ?? start - 1) + 1;
  while (offset < next) {
    const runs = await readPiece(store, journal, candidates, offset);
    headBytes += writer.documents(number, runs);
    replay(runs);
    offset = runs.reduce((_, run) => run.first + run.count, offset);
  }
  const tails = candidates.filter(({ kind, last, limit }) => kind === "tail" && last < limit && last < next);
  writer.journal(number, journal, [...whole, ...tails], headBytes);
}

/** Documents from this offset on, out of the first object that can be read. */
async function readPiece(
  store: ObjectStore,
  { next }: SnapshotJournal,
  candidates: readonly Candidate[],
  offset: number,
): Promise<readonly Run[]> {
  const failures: string[] = [];
  for (const candidate of havingOffset(candidates, offset, next)) {
    try {
      const { runs } = await decodeFragment(await store.get(candidate.key), candidate.key);
      const until = endOf(candidate, next);
      return runs
        .filter((run) => run.first + run.count > offset && run.first < until)
        .map((run) => runHead(runFrom(run, offset), until - Math.max(run.first, offset)));
    } catch (error) {
      if (error instanceof StoreError && error.transient) throw error;
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new UnreadableError(failures.join(" "));
}

function flush(directory: string): void {
  if (process.platform === "win32") return; // it cannot open a directory for flushing
  const opened = openSync(directory, "r");
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}
