import type { Redis } from "ioredis";
import type { JsonObject } from "../../plan/plan.ts";
import type { KeyValues, RowChange } from "../driver.ts";
import type { RespArguments } from "./resp.ts";

/** How a row looks in Redis: a hash, a JSON text, or a member of a sorted set. */
export interface RowForm {
  /** What Redis calls the type of the rows' keys. */
  readonly type: "hash" | "string" | "zset";
  /** The script that stores such rows. */
  readonly script: string;
  /** The script's ARGV for one row at the key that follows the checkpoint: written as it may be, and taken away again. */
  readonly trial: readonly (readonly string[])[];
  /** Of `SCAN … MATCH`: matches the keys of all rows that there may be. */
  readonly pattern: string;
  /** Whether a key that matches is none of Weir's own. */
  owns(key: string): boolean;
  /** What is returned stands until the next call. */
  encode(changes: readonly RowChange[]): EncodedRows;
  /** The documents of these keys, in order, as far as the form holds them. */
  load(redis: Redis, keys: readonly KeyValues[]): Promise<(JsonObject | undefined)[]>;
}

export interface EncodedRows {
  /** The script's KEYS behind the checkpoint. */
  readonly keys: RespArguments;
  /** Its ARGV behind fence and positions. */
  readonly values: RespArguments;
}

/** Results of a pipeline, or its first error. */
export async function pipelined<T>(redis: Redis, commands: string[][]): Promise<T[]> {
  const results = (await redis.pipeline(commands).exec()) ?? [];
  return results.map(([error, result]) => {
    if (error !== null) throw error;
    // What the command replies, which the caller knows.
    return result as T;
  });
}
