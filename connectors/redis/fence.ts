/** Who owns a task: the fence in its checkpoint, a hash beside the rows. */
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { HaltError } from "../driver.ts";
import type { RowForm } from "./row-form.ts";
import { TAKE_FENCE } from "./scripts.ts";

const PREFIX = "weir:checkpoint:";

export function checkpointKey(task: string): string {
  return PREFIX + task;
}

export interface Ownership {
  /**
   * A number that grows, and a random token: a server that went back to an earlier state gives the same number again,
   * and the token keeps the two owners apart.
   */
  readonly fence: string;
  /** JSON as it was stored, or "" before the first transaction. */
  readonly position: string;
}

export function numberOf(fence: string): number {
  return Number.parseInt(fence, 10) || 0;
}

export async function takeFence(redis: Redis, checkpoint: string): Promise<Ownership> {
  // What the script returns.
  const [fence, position] = (await redis.eval(TAKE_FENCE, 1, checkpoint, randomUUID())) as [string, string];
  return { fence, position };
}

/**
 * Before the first transaction of a task, no key may look like one of its rows: what it contains would be unknown. This
 * walks the server's keys once (some 100 ms per million, in small steps); a task with a checkpoint skips it.
 */
export async function refuseForeignRows(
  redis: Redis,
  checkpoint: string,
  { pattern }: RowForm,
): Promise<void> {
  if ((await redis.exists(checkpoint)) === 1) return;
  let cursor = "0";
  do {
    const [next, keys] = await redis.scan(cursor, "MATCH", pattern, "COUNT", 1_000);
    const foreign = keys.find((key) => !key.startsWith(PREFIX));
    if (foreign !== undefined) {
      throw new HaltError(
        `The key "${foreign}" looks like a row of this task, which has no checkpoint in this database; delete the keys that match ${pattern}, or choose another key template.`,
      );
    }
    cursor = next;
  } while (cursor !== "0");
}

/**
 * Runs the form's script on keys of its own. A script whose user may not run one of its commands would stop in the middle,
 * with the rows before it written and the position not moved; so that is found out here.
 */
export async function tryRights(redis: Redis, checkpoint: string, { script, trial }: RowForm): Promise<void> {
  const keys = [`${checkpoint}:trial`, `${checkpoint}:trial:row`];
  for (const args of trial) {
    // Without a checkpoint, fence and position are those of a script that expects none.
    await redis.eval(script, keys.length, ...keys, "", "", "", ...args);
    await redis.del(...keys);
  }
}
