/** Who owns a task: the fence in its checkpoint, a hash beside the rows. */
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { HaltError } from "../driver.ts";
import { CHECKPOINTS } from "./place.ts";
import type { RowForm } from "./row-form.ts";
import { TAKE_FENCE } from "./scripts.ts";

export function checkpointKey(task: string): string {
  return CHECKPOINTS + task;
}

export interface Ownership {
  /**
   * A number that grows, and a random token: a server that went back to an earlier state gives the same number again,
   * and the token keeps the two owners apart.
   */
  readonly fence: string;
  /** JSON as it was stored, or "" before the first transaction. */
  readonly position: string;
  /** The position that a clearing leads to which a crash broke off, or "". */
  readonly clearing: string;
}

export function numberOf(fence: string): number {
  return Number.parseInt(fence, 10) || 0;
}

export async function takeFence(redis: Redis, checkpoint: string): Promise<Ownership> {
  // What the script returns.
  const reply = (await redis.eval(TAKE_FENCE, 1, checkpoint, randomUUID())) as [string, string, string];
  const [fence, position, clearing] = reply;
  return { fence, position, clearing };
}

/**
 * Before the first transaction of a task, no key may look like one of its rows: what it contains would be unknown. This
 * walks the server's keys once (some 100 ms per million, in small steps); a task with a checkpoint skips it.
 */
export async function refuseForeignRows(redis: Redis, checkpoint: string, form: RowForm): Promise<void> {
  if ((await redis.exists(checkpoint)) === 1) return;
  for await (const [foreign] of keysOf(redis, form)) {
    if (foreign === undefined) continue;
    throw new HaltError(
      `The key "${foreign}" looks like a row of this task, which has no checkpoint in this database; delete the keys that match ${form.pattern}, or choose another key template.`,
    );
  }
}

/**
 * The keys that may be rows, of any type or of one, some at a time. Those that are there all the while surely come, perhaps
 * more than once.
 */
export async function* keysOf(
  redis: Redis,
  { pattern, owns }: Pick<RowForm, "pattern" | "owns">,
  type?: RowForm["type"],
): AsyncGenerator<readonly string[]> {
  let cursor = "0";
  do {
    const [next, keys] =
      type === undefined
        ? await redis.scan(cursor, "MATCH", pattern, "COUNT", 1_000)
        : await redis.scan(cursor, "MATCH", pattern, "COUNT", 1_000, "TYPE", type);
    yield keys.filter(owns);
    cursor = next;
  } while (cursor !== "0");
}

/** There is no renaming all keys of a template in one transaction, so what the old one has is not taken over. */
export async function refuseRename(
  redis: Redis,
  task: string,
  renamedFrom: string | undefined,
): Promise<void> {
  if (renamedFrom === undefined) return;
  const start = task.indexOf(":") + 1;
  const connector = task.slice(0, start);
  const former = renamedFrom.startsWith(connector) ? renamedFrom : connector + renamedFrom;
  if ((await redis.exists(checkpointKey(task))) === 1) return;
  if ((await redis.exists(checkpointKey(former))) === 0) return;
  throw new HaltError(
    `Redis cannot rename the rows of "${former}" as one; leave renamedFrom out, so that the new keys are filled from history, and delete those of the old template and ${checkpointKey(former)} when nobody reads them any more.`,
  );
}

/**
 * Runs the form's script on keys of its own. A script whose user may not run one of its commands would stop in the middle,
 * with the rows before it written and the position not moved; so that is found out here.
 */
export async function tryRights(redis: Redis, checkpoint: string, { script, trial }: RowForm): Promise<void> {
  const keys = [`${checkpoint}:trial`, `${checkpoint}:trial:row`];
  // A crash may have left them.
  await redis.del(...keys);
  for (const args of trial) {
    // Without a checkpoint, fence and position are those of a script that expects none.
    await redis.eval(script, keys.length, ...keys, "", "", "", ...args);
  }
  await redis.del(...keys);
}
