/** Sizes and pauses made small, so that a few thousand documents make many fragments, chunks and transactions. */
import type { Edit } from "./fault.ts";

export const TUNING: readonly Edit[] = [
  size("runtime/journal/reader.ts", "CHUNK_BYTES = 512 * 1024", "CHUNK_BYTES = 4 * 1024"),
  size(
    "runtime/task/derivation/transaction-limits.ts",
    "transactionBytes: 8 * 1024 * 1024",
    "transactionBytes: 12 * 1024",
  ),
  size("runtime/head/embedded-head.ts", "TRIM_BATCHES = 512", "TRIM_BATCHES = 8"),
  size("runtime/runtime.ts", "ARCHIVE_INTERVAL_MS = 1_000", "ARCHIVE_INTERVAL_MS = 100"),
  size("connectors/files/driver.ts", "MOST_PAUSE = 1_000", "MOST_PAUSE = 100"),
  size("connectors/postgres/session.ts", "MAX_ROWS_IN_ARRAYS = 500", "MAX_ROWS_IN_ARRAYS = 5"),
  size("connectors/postgres/session.ts", "MAX_ROWS = 200_000", "MAX_ROWS = 100"),
  size("connectors/redis/session.ts", "MAX_ROWS = 2_000", "MAX_ROWS = 10"),
];

function size(file: string, find: string, replace: string): Edit {
  return { file, find, replace };
}
