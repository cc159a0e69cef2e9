import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Database, open, type RootDatabase } from "lmdb";
import type { StateKey } from "./state-table.ts";

/** The head's tables. What is in them is sealed (`sealed.ts`), except keys. */
export interface HeadTables {
  /** Its transactions are those of all tables. */
  readonly root: RootDatabase<Buffer, string>;
  /** By journal number and first offset. */
  readonly batches: Database<Buffer, [number, number]>;
  readonly journals: Database<string, number>;
  /** By journal number and object key. */
  readonly fragments: Database<string, [number, string]>;
  readonly tasks: Database<string, string>;
  readonly notes: Database<string, string>;
  readonly state: Database<string, StateKey>;
  readonly clock: Database<string, string>;
}

export function openTables(directory: string): HeadTables {
  mkdirSync(directory, { recursive: true });
  const root = open<Buffer, string>({
    path: join(directory, "head.lmdb"),
    encoding: "binary",
    overlappingSync: false,
    maxDbs: 8,
  });
  return {
    root,
    batches: root.openDB("batches", { encoding: "binary" }),
    journals: root.openDB("journals", { encoding: "string" }),
    fragments: root.openDB("fragments", { encoding: "string" }),
    tasks: root.openDB("tasks", { encoding: "string" }),
    notes: root.openDB("notes", { encoding: "string" }),
    state: root.openDB("state", { encoding: "string" }),
    clock: root.openDB("clock", { encoding: "string" }),
  };
}
