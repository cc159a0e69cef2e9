import type { JsonObject, StatePlan } from "../../../plan/plan.ts";
import { MAX_APPEND_BYTES } from "../../head/head.ts";
import { compileValidator, type Validate } from "../../validation.ts";
import type { DurableValues } from "./durable-values.ts";
import { type Draft, draftOf, isStill, jsonOf, NotJsonError } from "./json-value.ts";
import type { ShuffleKey } from "./shuffle-key.ts";

/** What a function left in its draft cannot be stored. `path` is a JSON Pointer. */
export class RefusedStateError extends Error {
  readonly path: string;
  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/** The derivation's state: a value for each shuffle key. One that equals the initial one is not stored. */
export class KeyedState {
  readonly #values: DurableValues;
  readonly #initial: JsonObject;
  readonly #validate: Validate;

  constructor({ schema, initial }: StatePlan, values: DurableValues) {
    this.#values = values;
    this.#initial = initial;
    this.#validate = compileValidator(schema);
  }

  load(keys: ReadonlySet<ShuffleKey>): Promise<void> {
    return this.#values.load(keys);
  }

  /** A copy for one call of a function. */
  draft(key: ShuffleKey): Draft {
    return draftOf(this.#current(key));
  }

  /**
   * Makes ready what a function left in its draft; what comes back makes it the key's state. Nothing else may happen to
   * the key's state in between. Throws `RefusedStateError`.
   */
  prepare(key: ShuffleKey, draft: Draft): () => void {
    if (isStill(this.#current(key), draft)) return () => {};
    const next = this.#read(draft);
    const value = isStill(this.#initial, next) ? undefined : next;
    return () => this.#values.set(key, value);
  }

  #current(key: ShuffleKey): JsonObject {
    return this.#values.get(key) ?? this.#initial;
  }

  #read(draft: Draft): JsonObject {
    let next: JsonObject;
    const tally = { characters: 0 };
    try {
      next = jsonOf(draft, tally) as JsonObject; // of an object it gives one
    } catch (error) {
      if (error instanceof NotJsonError) throw new RefusedStateError(error.path, error.message);
      throw error;
    }
    const violation = this.#validate(next);
    if (violation) throw new RefusedStateError(violation.path, violation.rule);
    if (tally.characters * 6 > MAX_APPEND_BYTES) refuseTooLarge(next);
    return next;
  }
}

/** The head takes no larger one. */
function refuseTooLarge(state: JsonObject): void {
  const { length } = JSON.stringify(state);
  if (length <= MAX_APPEND_BYTES) return;
  throw new RefusedStateError("", `takes ${length} characters, and ${MAX_APPEND_BYTES} is the most`);
}
