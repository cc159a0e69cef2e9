/** Tables for people. Pure: from values to text. */
import { stripVTControlCharacters } from "node:util";
import type { DeadLetterCount } from "../runtime/deadletters/counts.ts";
import type { RebuildStatus } from "../runtime/rebuild/rebuild.ts";
import type { CollectionStatus, StoreStatus } from "../runtime/status-report.ts";
import type { TaskStatus } from "../runtime/task-status.ts";
import { onStdout, type Paint } from "./paint.ts";

export interface ShownStatus {
  readonly running: boolean;
  readonly pid?: number;
  readonly tasks: readonly TaskStatus[];
  readonly collections: readonly CollectionStatus[];
  readonly deadLetters: readonly DeadLetterCount[];
  readonly rebuild: RebuildStatus | null;
  readonly store: StoreStatus;
}

function renderRebuild(rebuild: RebuildStatus | null): string[] {
  if (rebuild === null) return [];
  const names = `made again, beside what goes on serving: ${rebuild.names.join(", ")}`;
  return rebuild.stuck === null ? [names, ""] : [names, onStdout.red(`  ${rebuild.stuck}`), ""];
}

/** `columns` cuts lines on a terminal; undefined leaves them whole. */
export function renderStatus(status: ShownStatus, columns?: number): string {
  const lines = [
    status.running ? `running (process ${status.pid})` : "not running",
    "",
    ...renderTasks(status.tasks),
    ...renderCollections(status.collections),
    ...renderDeadLetters(status.deadLetters),
    ...renderRebuild(status.rebuild),
    `store: ${status.store.location}${status.store.lastError ? onStdout.red(`  ${status.store.lastError}`) : ""}`,
    status.store.restorableTo === null
      ? "the store alone could bring back nothing yet"
      : `the store alone would bring back ${status.store.restorableTo}`,
  ];
  return `${lines.map((line) => cut(line, columns)).join("\n")}\n`;
}

export function renderTasks(tasks: readonly TaskStatus[], paint: Paint = onStdout): string[] {
  if (tasks.length === 0) return [];
  const rows = tasks.map((task) => [
    task.name,
    task.kind,
    task.shards.of > 1 ? `${task.state} (${task.shards.running} of ${task.shards.of} shards)` : task.state,
    number(task.documents),
    task.kind === "capture" ? "" : number(task.documentsBehind),
    task.documentsBehind > 0 ? `${task.secondsBehind} s` : "",
    `${number(task.rate)}/s`,
    progressOf(task),
  ]);
  const header = ["task", "kind", "state", "documents", "behind", "age", "rate", "history"];
  const errors = tasks.flatMap((task) =>
    task.lastError === null
      ? []
      : [
          `${(task.state === "halted" ? paint.red : paint.yellow)(task.state)} ${task.name}: ${task.lastError}`,
        ],
  );
  return [...table(header, rows, paint), "", ...errors, ...(errors.length > 0 ? [""] : [])];
}

export function progressOf({ backfill }: TaskStatus): string {
  if (!backfill) return "";
  const eta = backfill.etaSeconds === null ? "" : `, ${duration(backfill.etaSeconds)} left`;
  return `${backfill.percent} %${eta}`;
}

/** Where there are some, so that they are not overlooked. */
export function renderDeadLetters(counts: readonly DeadLetterCount[], paint: Paint = onStdout): string[] {
  if (counts.length === 0) return [];
  const lines = counts.map(({ task, letters }) => paint.yellow(deadLetterLine(task, letters)));
  return [...lines, ""];
}

export function deadLetterLine(task: string, letters: number): string {
  const what = letters === 1 ? "1 dead letter" : `${number(letters)} dead letters`;
  return `${task}: ${what} (weir deadletters list ${task})`;
}

function renderCollections(collections: readonly CollectionStatus[]): string[] {
  if (collections.length === 0) return [];
  const rows = collections.map(({ name, documents, notInStore }) => [
    name,
    number(documents),
    number(notInStore),
  ]);
  return [...table(["collection", "documents", "lost with the disk"], rows), ""];
}

export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint = onStdout,
): string[] {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  return [paint.dim(line(header)), ...rows.map(line)];
}

/** A whole number, `1,234,567`. Not by `toLocaleString`: its tables take a process 30 ms to load. */
export function number(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** Cuts a line to a terminal's width; a line that must be cut loses its colours. Undefined or 0: the width is not known. */
export function cut(line: string, columns: number | undefined): string {
  const plain = stripVTControlCharacters(line);
  return !columns || plain.length <= columns ? line : `${plain.slice(0, columns - 1)}…`;
}
