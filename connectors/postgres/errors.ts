/** Which errors of Postgres need a person, and what they say. */
import { DatabaseError } from "pg";
import { HaltError } from "../driver.ts";
import { INT64_OVERFLOW, SUM_OVERFLOW } from "./reductions.ts";

/**
 * Classes of SQLSTATE that come again however often one retries: the data, a constraint, the statement or its rights,
 * a missing schema, a limit of the program. Anything else (connection, resources, shutdown, conflict) passes.
 */
const LASTING = new Set(["0A", "22", "23", "3F", "42", "44", "54"]);

/** `doing` completes "Postgres refused to …". A lasting error becomes a `HaltError`; others come back as they are. */
export function explain(error: unknown, doing: string): unknown {
  if (!(error instanceof DatabaseError) || error.code === undefined) return error;
  const overflow = new RegExp(`"(${SUM_OVERFLOW}|${INT64_OVERFLOW}) (.*) \\[(.*)\\]"$`, "s").exec(
    error.message,
  );
  if (overflow !== null) {
    const range =
      overflow[1] === INT64_OVERFLOW
        ? 'the range of 64-bit integers; sum a larger unit, or use { sum: "decimal" } with another table'
        : `the range of exact integers, ±${Number.MAX_SAFE_INTEGER}; sum a larger unit, or make the field a number (z.number()) and accept rounding`;
    return new HaltError(
      `Field "${overflow[2]}" of key ${overflow[3]}: the sum with the stored row leaves ${range}.`,
    );
  }
  if (!LASTING.has(error.code.slice(0, 2))) return error;
  const where = error.where?.split("\n")[0];
  const place = where === undefined || !where.startsWith("COPY") ? "" : ` (${where})`;
  return new HaltError(
    `Postgres refused to ${doing}: ${error.message}${place} [${error.code}]. Put right what it names, then start the task again.`,
    { cause: error },
  );
}

const UNIQUE_VIOLATION = "23505";
/** Of COPY into what is no plain table: one with row-level security, a view. */
const NO_PLAIN_TABLE = new Set(["0A000", "42809"]);

/** Whether rows that were thought to be new cannot go in by COPY, but may by INSERT. */
export function refusesPlainRows(error: unknown): boolean {
  if (!(error instanceof DatabaseError) || error.code === undefined) return false;
  return error.code === UNIQUE_VIOLATION || NO_PLAIN_TABLE.has(error.code);
}

/** True if the connection ended, or may have ended, with the outcome unknown. */
export function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return true;
  return error.code?.startsWith("57P") === true || error.code?.startsWith("08") === true;
}
