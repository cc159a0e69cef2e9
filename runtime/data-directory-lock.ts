/**
 * One runtime per data directory. The lock is SQLite's own lock on a file: the system releases it with the
 * process, however that ends, so a killed runtime leaves nothing to clean up.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";

export class DataDirectoryInUseError extends Error {
  override readonly name = "DataDirectoryInUseError";
}

/** What the holder tells others about itself. */
export interface Holder {
  readonly pid: number;
}

export interface DataDirectoryLock {
  announce(holder: Holder): void;
  release(): void;
}

export async function lockDataDirectory(dataDir: string): Promise<DataDirectoryLock> {
  mkdirSync(dataDir, { recursive: true });
  const database = await openDatabase(join(dataDir, "lock.sqlite"));
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (!/locked|busy/i.test(String(error))) throw error;
    const pid = readHolder(dataDir)?.pid;
    throw new DataDirectoryInUseError(
      `Another weir${pid ? ` (process ${pid})` : ""} is running on the data directory ${dataDir}; stop it first, or give this one its own dataDir.`,
    );
  }
  const file = join(dataDir, "running.json");
  return {
    announce: (holder) => writeFileSync(file, JSON.stringify(holder)),
    release() {
      rmSync(file, { force: true });
      database.close();
    },
  };
}

/** What the last holder announced; it may have been killed since. */
export function readHolder(dataDir: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(join(dataDir, "running.json"), "utf8")) as Holder; // written by announce
  } catch {
    return undefined;
  }
}

async function openDatabase(file: string): Promise<DatabaseSync> {
  const warn = process.emitWarning;
  // Importing it says that SQLite is experimental; a file lock is all that is used of it.
  process.emitWarning = () => {};
  try {
    const { DatabaseSync: Database } = await import("node:sqlite");
    return new Database(file, { timeout: 0 });
  } finally {
    process.emitWarning = warn;
  }
}
