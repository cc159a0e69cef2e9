import { createHash } from "node:crypto";
import { Command, type Redis } from "ioredis";
import type { Json, JsonObject } from "../../plan/plan.ts";
import { FencedError, HaltError, type KeyValues, type RowChange, type TargetSession } from "../driver.ts";
import { protocolPoint } from "../protocol-point.ts";
import { withoutCommand } from "./connection.ts";
import { keysOf, numberOf, type Ownership } from "./fence.ts";
import { RespArguments } from "./resp.ts";
import type { EncodedRows, RowForm } from "./row-form.ts";
import { BEGIN_CLEARING, CLEAR_ROWS, DROP_CHECKPOINT, END_CLEARING } from "./scripts.ts";

/** Redis serves nobody else while the script runs: so many rows take it some ten milliseconds. */
const MAX_ROWS = 2_000;

export interface SessionParts {
  readonly redis: Redis;
  readonly task: string;
  readonly checkpoint: string;
  readonly form: RowForm;
  readonly owned: Ownership;
}

export class RedisSession implements TargetSession {
  readonly reducesInTarget = false;
  readonly maxRows = MAX_ROWS;
  readonly pipelines = true;
  readonly #parts: SessionParts;
  /** JSON of the position that the checkpoint must have when the next transaction begins; "" for none. */
  #expected: string;
  /** Of the call that is written, and of the one before, which may be on its way. */
  #call = new RespArguments();
  #callBefore = new RespArguments();
  #storeScript: Promise<unknown> | undefined;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#expected = parts.owned.position;
  }

  get position(): Json | undefined {
    return this.#expected === "" ? undefined : JSON.parse(this.#expected);
  }

  async load(keys: readonly KeyValues[]): Promise<readonly (JsonObject | undefined)[]> {
    const documents: (JsonObject | undefined)[] = [];
    try {
      for (let start = 0; start < keys.length; start += MAX_ROWS) {
        documents.push(
          ...(await this.#parts.form.load(this.#parts.redis, keys.slice(start, start + MAX_ROWS))),
        );
      }
    } catch (error) {
      throw withoutCommand(error);
    }
    return documents;
  }

  async store(changes: readonly RowChange[], next: Json): Promise<void> {
    const { redis, form } = this.#parts;
    const position = JSON.stringify(next);
    // Known before the first call: one that had to be repeated would come after the next.
    this.#storeScript ??= redis.script("LOAD", form.script);
    await this.#storeScript.catch((error: unknown) => Promise.reject(withoutCommand(error)));
    const call = this.#write(form.script, position, form.encode(changes));
    this.#expected = position;
    protocolPoint("redis.store.before");
    await this.#evaluate(form.script, call);
    protocolPoint("redis.store.after");
  }

  /** The checkpoint says that it is under way until the last row is gone: whoever opens the task next finishes it. */
  async clear(next: Json): Promise<void> {
    const { redis, form } = this.#parts;
    const position = JSON.stringify(next);
    await this.#run(BEGIN_CLEARING, position);
    protocolPoint("redis.clear.begun");
    try {
      for await (const keys of keysOf(redis, form)) {
        if (keys.length > 0) {
          await this.#run(CLEAR_ROWS, form.type, { keys: RespArguments.of(...keys), values: NONE });
        }
        protocolPoint("redis.clear.rows");
      }
    } catch (error) {
      throw error instanceof HaltError ? error : withoutCommand(error);
    }
    await this.#run(END_CLEARING, position);
    protocolPoint("redis.clear.after");
    this.#expected = position;
  }

  /** Removes every row and then the checkpoint. A repeat after a crash finishes it. */
  async drop(): Promise<void> {
    await this.clear(null);
    await this.#run(DROP_CHECKPOINT, "");
  }

  async close(): Promise<void> {
    this.#parts.redis.disconnect();
  }

  #run(script: string, next: string, rows: EncodedRows = NO_ROWS): Promise<void> {
    return this.#evaluate(script, this.#write(script, next, rows));
  }

  /** `next`: ARGV behind fence and expected position. What is returned stands until the next call but one is written. */
  #write(script: string, next: string, rows: EncodedRows): Buffer {
    const { checkpoint, owned } = this.#parts;
    [this.#call, this.#callBefore] = [this.#callBefore, this.#call];
    const call = this.#call;
    call.clear();
    for (const text of ["EVALSHA", hashOf(script), String(1 + rows.keys.count), checkpoint]) call.add(text);
    call.append(rows.keys);
    for (const text of [owned.fence, this.#expected, next]) call.add(text);
    call.append(rows.values);
    return call.command;
  }

  /** Throws what the script found in the way. */
  async #evaluate(script: string, call: Buffer): Promise<void> {
    const [outcome, found = "", type] = await this.#reply(script, call);
    if (outcome !== "ok") throw this.#refusal(outcome, found, type);
  }

  /** The server knows a script by its hash once it has seen it, until it restarts or forgets all scripts. */
  async #reply(script: string, call: Buffer): Promise<readonly (string | undefined)[]> {
    const { redis } = this.#parts;
    // What `sendCommand` returns, though its type does not say so.
    const run = () => redis.sendCommand(new WrittenCommand(call)) as Promise<unknown>;
    try {
      const reply = await run().catch(async (error: Error) => {
        if (!error.message.startsWith("NOSCRIPT")) throw error;
        await redis.script("LOAD", script);
        return run();
      });
      // The scripts return arrays of strings.
      return reply as readonly string[];
    } catch (error) {
      throw withoutCommand(error);
    }
  }

  #refusal(outcome: string | undefined, found: string, type: string | undefined): Error {
    const { task, owned } = this.#parts;
    if (outcome === "type") {
      return new HaltError(
        `The key "${found}" is a ${type} that "${task}" did not write; delete it, or choose another key template.`,
      );
    }
    if (outcome === "fence" && numberOf(found) >= numberOf(owned.fence)) {
      return new FencedError(
        `Another instance of "${task}" has taken over its rows in Redis; stop one of the two.`,
      );
    }
    // Nobody else lowers the fence, or moves the position under this fence: the server lost its newest writes.
    return new Error(
      "Redis: the server went back to an earlier state; the task goes on from the position found there.",
    );
  }
}

/** Of a call whose bytes are written already. Its reply, or its failure, comes as that of any other. */
class WrittenCommand extends Command {
  readonly #call: Buffer;

  constructor(call: Buffer) {
    super("evalsha", [], { replyEncoding: "utf8" });
    this.#call = call;
  }

  override toWritable(): Buffer {
    return this.#call;
  }
}

const NONE = new RespArguments();
const NO_ROWS: EncodedRows = { keys: NONE, values: NONE };

const hashes = new Map<string, string>();

function hashOf(script: string): string {
  const known = hashes.get(script) ?? createHash("sha1").update(script).digest("hex");
  hashes.set(script, known);
  return known;
}
