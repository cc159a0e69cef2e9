import type { CollectionPlan, Json } from "../../plan/plan.ts";
import {
  HaltError,
  type MaterializationContext,
  type MaterializationDriver,
  type ResolvedConfig,
  type TargetSession,
} from "../driver.ts";
import { protocolPoint } from "../protocol-point.ts";
import { checkServer, connect, withoutCommand } from "./connection.ts";
import { checkpointKey, refuseForeignRows, refuseRename, takeFence, tryRights } from "./fence.ts";
import { hashRows } from "./hash-rows.ts";
import { jsonRows } from "./json-rows.ts";
import type { RowForm } from "./row-form.ts";
import { RedisSession } from "./session.ts";
import { sortedSetRows } from "./sorted-set-rows.ts";
import { compileTemplate } from "./template.ts";

/** Rows, checkpoint and fence in one run of a script, which Redis runs whole or not at all: exactly once. */
export const driver: MaterializationDriver = {
  async open({
    config,
    collection,
    task,
    mode,
    renamedFrom,
    log,
  }: MaterializationContext): Promise<TargetSession> {
    const { url } = config;
    if (mode === "delta") throw new HaltError('Redis has no mode "delta"; leave it out.');
    if (typeof url !== "string") throw new HaltError("A Redis target needs the string url.");
    const form = rowForm(config, collection);
    const checkpoint = checkpointKey(task);
    const redis = await connect(url);
    try {
      await checkServer(redis);
      await refuseRename(redis, task, renamedFrom);
      await refuseForeignRows(redis, checkpoint, form);
      await tryRights(redis, checkpoint, form);
      protocolPoint("redis.fence.before");
      const owned = await takeFence(redis, checkpoint);
      protocolPoint("redis.fence.after");
      const session = new RedisSession({ redis, task, checkpoint, form, owned });
      if (owned.clearing !== "") {
        log.info("Goes on removing rows, which an earlier instance began.");
        await session.clear(JSON.parse(owned.clearing));
      }
      return session;
    } catch (error) {
      redis.disconnect();
      throw withoutCommand(error);
    }
  },
};

/** Throws `HaltError` where Redis cannot hold the collection as it is configured. */
export function rowForm({ key, as = "hash" }: ResolvedConfig, collection: CollectionPlan): RowForm {
  if (typeof key !== "string") throw new HaltError("A Redis target needs the string key, a template.");
  const template = compileTemplate(key, collection);
  if (as === "hash" || as === "json") {
    requireAll(collection, template.names, `the key template "${key}"`);
    return as === "hash" ? hashRows(collection, template) : jsonRows(template);
  }
  const { member, score } = sortedSetOf(as);
  const memberTemplate = compileTemplate(member, collection);
  const both = `the templates "${key}" and "${member}"`;
  requireAll(collection, [...template.names, ...memberTemplate.names], both);
  return sortedSetRows(collection, template, memberTemplate, score);
}

function sortedSetOf(as: Json): { member: string; score: string } {
  if (typeof as === "object" && as !== null && "sortedSet" in as) {
    const { sortedSet } = as;
    if (
      typeof sortedSet === "object" &&
      sortedSet !== null &&
      "member" in sortedSet &&
      "score" in sortedSet
    ) {
      const { member, score } = sortedSet;
      if (typeof member === "string" && typeof score === "string") return { member, score };
    }
  }
  throw new HaltError(
    'The form of a Redis target ("as") is "hash", "json" or { sortedSet: { member, score } }.',
  );
}

function requireAll(collection: CollectionPlan, names: readonly string[], where: string): void {
  const missing = collection.key.filter((field) => !names.includes(field));
  if (missing.length === 0) return;
  throw new HaltError(
    `The key field "${missing[0]}" is not in ${where}, so that different keys would be one row; add {${missing[0]}}.`,
  );
}
