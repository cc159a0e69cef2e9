/**
 * The log of a task's durable values: a journal of the head's own, in which every change of them is a document,
 * written in the transaction that makes it. It reaches the store as any journal does, so that the values can be made
 * again from there.
 */
import type { Json } from "../../plan/plan.ts";
import type { JournalSpec, StateChange } from "./head.ts";

/** See `internal-collections.ts`. */
const STATE = "_weir/state/";
/** Bytes at which lines are cut into another append: a bound on what a reader of the log holds. */
const PIECE_BYTES = 1024 * 1024;

/** `task` is the number under which the head has the task's values. */
export function stateLogOf(task: number): JournalSpec {
  return { collection: `${STATE}${task}`, logical: "", partition: 0 };
}

/** The number of the task whose values are logged in this collection; undefined for any other collection. */
export function loggedTask(collection: string): number | undefined {
  return collection.startsWith(STATE) ? Number(collection.slice(STATE.length)) : undefined;
}

/** NDJSON, in pieces. The key stands last: a line must not end as that of a removal does. */
export function stateLines(changes: readonly StateChange[]): { count: number; lines: Uint8Array }[] {
  const pieces: { count: number; lines: Uint8Array }[] = [];
  let parts: string[] = [];
  let characters = 0;
  const end = () => {
    if (parts.length > 0) pieces.push({ count: parts.length, lines: Buffer.from(parts.join("")) });
    parts = [];
    characters = 0;
  };
  for (const { space, key, value } of changes) {
    const line = `{"value":${value ?? "null"},"space":${JSON.stringify(space)},"key":${JSON.stringify(key)}}\n`;
    if (characters + line.length > PIECE_BYTES) end();
    parts.push(line);
    characters += line.length;
  }
  end();
  return pieces;
}

/** What `stateLines` wrote, parsed, as the change that it was. */
export function stateChangeOf(logged: { readonly [name: string]: Json | undefined }): StateChange {
  const { space, key, value } = logged as { space: string; key: string; value: Json }; // written above
  return { space, key, value: value === null ? null : JSON.stringify(value) };
}
