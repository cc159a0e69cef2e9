/** Rows that were filled beside others take their place, with their checkpoint, in one run of a script. */
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { HaltError, type TargetPlace, type TargetSwap, type TaskLog } from "../driver.ts";
import { protocolPoint } from "../protocol-point.ts";
import { checkServer, connect, withoutCommand } from "./connection.ts";
import { checkpointKey, keysOf, refuseForeignRows, takeFence } from "./fence.ts";
import { rowForm } from "./forms.ts";
import { asidePrefix } from "./place.ts";
import { pipelined, type RowForm } from "./row-form.ts";
import { SWAP, TAKE_BOTH } from "./scripts.ts";
import { RedisSession } from "./session.ts";

/**
 * First no instance of either may store any more; then the keys of all rows are put into two lists, while readers go on; then
 * one script renames them, during which the server serves nobody. A repeat finds what was done.
 */
export async function swapRows(swap: TargetSwap): Promise<void> {
  const { beside, serving, kept, log } = swap;
  await withServer(serving, async (redis) => {
    const owner = checkpointKey(serving.task);
    const keptOwner = kept === undefined ? `${owner}:swap:kept` : checkpointKey(kept.task);
    const checkpoints = [owner, checkpointKey(beside.task), keptOwner];
    // What the script returns.
    const reply = (await redis.eval(TAKE_BOTH, 3, ...checkpoints, randomUUID())) as string[];
    const [outcome, fence = "", served = ""] = reply;
    if (outcome === "done") return;
    if (outcome !== "ok") throw refusal(outcome, swap);
    const former = formerRows(swap);
    if (served === "") await refuseForeignRows(redis, owner, former);
    else if (kept === undefined) throw refusal("served", swap);
    else await refuseForeignRows(redis, keptOwner, rowForm(kept.config, kept.collection));

    const lists = [`${owner}:swap:serving`, `${owner}:swap:beside`] as const;
    await redis.unlink(...lists);
    const moved = served === "" ? 0 : await listKeys(redis, lists[0], former);
    const come = await listKeys(redis, lists[1], rowForm(beside.config, beside.collection), async (keys) => {
      const foreign = await findForeign(
        redis,
        keys.map((key) => key.slice(prefixOf(beside).length)),
        former.type,
      );
      if (foreign !== undefined) throw refusal("type", swap, foreign);
    });
    const keptPrefix = served === "" || kept === undefined ? "" : prefixOf(kept);
    protocolPoint("redis.swap.before");
    const swapped = (await redis.eval(
      SWAP,
      5,
      ...[...checkpoints, ...lists],
      ...[fence, prefixOf(beside), keptPrefix],
    )) as string[];
    const [found, ...what] = swapped;
    if (found !== "ok") throw refusal(found, swap, what);
    protocolPoint("redis.swap.after");
    const gone = keptPrefix === "" ? "" : `; the former ones (${moved}) now begin with ${keptPrefix}`;
    log.info(`The keys of "${beside.task}" (${come}) have become those of "${serving.task}"${gone}.`);
  });
}

export async function dropRows(place: TargetPlace, log: TaskLog): Promise<void> {
  const { task } = place;
  await withServer(place, async (redis) => {
    const checkpoint = checkpointKey(task);
    const form = rowForm(place.config, place.collection);
    if ((await redis.exists(checkpoint)) === 0) return refuseForeignRows(redis, checkpoint, form);
    const owned = await takeFence(redis, checkpoint);
    await new RedisSession({ redis, task, checkpoint, form, owned }).drop();
    log.info(`Deleted the keys of "${task}", and its checkpoint.`);
  });
}

async function withServer({ config }: TargetPlace, work: (redis: Redis) => Promise<void>): Promise<void> {
  const { url } = config;
  if (typeof url !== "string") throw new HaltError("A Redis target needs the string url.");
  const redis = await connect(url);
  try {
    await checkServer(redis);
    await work(redis);
  } catch (error) {
    throw withoutCommand(error);
  } finally {
    redis.disconnect();
  }
}

/** The rows that readers see as yet: in the form of the flow that filled them. */
function formerRows({ serving, kept }: TargetSwap): RowForm {
  if (kept === undefined) return rowForm(serving.config, serving.collection);
  const { key } = serving.config;
  if (kept.config.key !== `${prefixOf(kept)}${String(key)}`)
    throw new Error(`"${kept.task}" and "${serving.task}" have different key templates.`);
  return rowForm({ ...kept.config, key: String(key), aside: null }, kept.collection);
}

function prefixOf({ task, config }: TargetPlace): string {
  const prefix = asidePrefix(config);
  if (prefix === undefined) throw new Error(`The configuration of "${task}" is of no place of its own.`);
  return prefix;
}

/** Returns how many there are. `look` is given the keys of each page. */
async function listKeys(
  redis: Redis,
  list: string,
  form: RowForm,
  look: (keys: readonly string[]) => Promise<void> = async () => {},
): Promise<number> {
  let count = 0;
  for await (const keys of keysOf(redis, form, form.type)) {
    if (keys.length === 0) continue;
    await look(keys);
    count = await redis.rpush(list, ...keys);
  }
  return count;
}

/** The first key that holds something of another type, and that type. */
async function findForeign(
  redis: Redis,
  keys: readonly string[],
  type: string,
): Promise<readonly [key: string, type: string] | undefined> {
  const types = await pipelined<string>(
    redis,
    keys.map((key) => ["type", key]),
  );
  const at = types.findIndex((found) => found !== "none" && found !== type);
  const [key, found] = [keys[at], types[at]];
  return key === undefined || found === undefined ? undefined : [key, found];
}

function refusal(
  outcome: string | undefined,
  { beside, serving, kept }: TargetSwap,
  [key = "", type = ""]: readonly string[] = [],
): Error {
  switch (outcome) {
    case "none":
      return new HaltError(
        `Neither "${beside.task}" nor "${serving.task}" has a checkpoint in this database, so there is nothing to swap; give the target the url under which it was filled.`,
      );
    case "kept":
      return new HaltError(
        `The rows of "${serving.task}" are to be kept as those of "${kept?.task}", of which there are some already; drop these (weir drop ${kept?.task}), then start the task again.`,
      );
    case "served":
      return new HaltError(
        `"${serving.task}" has rows in this database from an earlier time; delete them and the key ${checkpointKey(serving.task)}, then start the task again.`,
      );
    case "type":
      return new HaltError(
        `The key "${key}" is a ${type} that "${serving.task}" did not write, and a row is to go there; delete it, or choose another key template.`,
      );
    default:
      return new Error(`Another instance has taken over "${serving.task}" or "${beside.task}" meanwhile.`);
  }
}
