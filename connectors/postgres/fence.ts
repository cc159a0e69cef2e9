/** Who owns a task: the fence in its checkpoint, and the end of the owner before. */
import type { Client } from "pg";
import { FencedError, type TaskLog } from "../driver.ts";
import { checkpoints, type TableName } from "./statements.ts";

export interface Ownership {
  /** A bigint, as text. */
  readonly fence: string;
  /** JSON as it was stored, or null before the first transaction. */
  readonly position: string | null;
}

const END_WITHIN_MS = 10_000;

/**
 * Ends the former owner's backend, raises the fence and reads the position. Afterwards no transaction of the former owner
 * can commit: one that has moved the checkpoint holds its row, and raising the fence waits for it; one that has not will
 * find the fence raised. So a COMMIT whose answer was lost is settled by the position found here.
 */
export async function takeFence(
  client: Client,
  schema: string,
  task: string,
  log: TaskLog,
): Promise<Ownership> {
  await endFormerBackend(client, schema, task, log);
  const { rows } = await client.query<Ownership>(
    `INSERT INTO ${checkpoints(schema)} AS c (task, fence, backend_pid, backend_start)
SELECT $1, 1, pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()
ON CONFLICT (task) DO UPDATE SET fence = c.fence + 1, backend_pid = excluded.backend_pid,
  backend_start = excluded.backend_start, updated_at = now()
RETURNING fence::text AS fence, position`,
    [task],
  );
  const owned = rows[0];
  if (owned === undefined) throw new Error("Postgres did not store the fence.");
  return owned;
}

export function fencedOut(task: string, { table }: TableName): FencedError {
  return new FencedError(
    `Another instance of "${task}" has taken over the table "${table}"; stop one of the two.`,
  );
}

/** The fence that the task has now, as text, or undefined without a checkpoint. */
export async function readFence(client: Client, schema: string, task: string): Promise<string | undefined> {
  const { rows } = await client.query<{ fence: string }>(
    `SELECT fence::text AS fence FROM ${checkpoints(schema)} WHERE task = $1`,
    [task],
  );
  return rows[0]?.fence;
}

/** Before the checkpoint of another task is changed, whose row an instance of that task may hold. */
export async function endBackendOf(
  client: Client,
  schema: string,
  task: string,
  log: TaskLog,
): Promise<void> {
  const { rows } = await client.query<{ table: string | null }>("SELECT to_regclass($1)::text AS table", [
    checkpoints(schema),
  ]);
  if (rows[0]?.table !== null) await endFormerBackend(client, schema, task, log);
}

/**
 * A backend whose client has vanished without a word may hold the checkpoint's row for as long as TCP takes to notice.
 * It is ended if it is still the one recorded (process numbers are used again) and the role may do so.
 */
async function endFormerBackend(client: Client, schema: string, task: string, log: TaskLog): Promise<void> {
  const alive = `FROM ${checkpoints(schema)} c JOIN pg_stat_activity a ON a.pid = c.backend_pid
  AND a.backend_start = c.backend_start WHERE c.task = $1 AND a.pid <> pg_backend_pid()`;
  try {
    const ended = await client.query(`SELECT pg_terminate_backend(a.pid) ${alive}`, [task]);
    if (ended.rowCount === 0) return;
    log.info("Ended the connection of the task's former instance.");
  } catch (error) {
    log.warn(
      `Could not end the connection of the task's former instance: ${error instanceof Error ? error.message : error}.`,
    );
    return;
  }
  const until = performance.now() + END_WITHIN_MS;
  while (performance.now() < until) {
    if ((await client.query(`SELECT ${alive}`, [task])).rowCount === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("The connection of the task's former instance did not end in time.");
}
