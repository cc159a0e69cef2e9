/**
 * A table whose writes can go into the head's log first. Between `open` and `close` they are kept back, to be logged; once
 * they are, the table holds them in memory until they are settled: written into LMDB.
 */
export interface LoggedTable {
  readonly name: string;
  open(): void;
  /** What was written since `open`. Nothing of it is held. */
  close(): readonly unknown[];
  /** `writes` are those that `close` returned, or what a log has kept of them. */
  hold(writes: readonly unknown[]): void;
  /** Into LMDB, within a transaction of it. */
  write(writes: readonly unknown[]): void;
  /** Writes what is held. Within a transaction of LMDB. Returns what takes it back where that fails. */
  settle(): () => void;
}
