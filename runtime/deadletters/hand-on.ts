/** Where a dead letter goes when it is replayed. */
import type { CollectionPlan, Json, JsonObject } from "../../plan/plan.ts";
import { type Append, type Head, type JournalId, MAX_APPEND_BYTES } from "../head/head.ts";
import { JournalRouter } from "../journal/router.ts";
import { compileValidator, describeViolation, type Validate } from "../validation.ts";
import { appendsOf } from "./appends.ts";
import { isRowPlace, type Letter, letterLine } from "./letter.ts";
import { replaysOf } from "./names.ts";

/** Nowhere. */
export interface Discard {
  readonly kind: "discard";
}

export interface Replay {
  readonly kind: "replay";
  /** Why a letter would be one again at once; undefined where it may go. */
  refusal(letter: Letter): string | undefined;
  appends(letters: readonly Letter[]): Promise<readonly Append[]>;
}

/**
 * To the journals that the derivation reads as one source more, under the partition number of the original: where
 * several work on one derivation, each over some partitions, each finds its own.
 */
export class DerivationReplay implements Replay {
  readonly kind = "replay";
  readonly #head: Head;
  readonly #task: string;
  readonly #partitions = new Map<JournalId, number>();

  constructor(head: Head, task: string) {
    this.#head = head;
    this.#task = task;
  }

  refusal(): undefined {
    return undefined;
  }

  async appends(letters: readonly Letter[]): Promise<readonly Append[]> {
    for (const { id, partition } of await this.#head.journals()) this.#partitions.set(id, partition);
    const byPartition = [...Map.groupBy(letters, (letter) => this.#partitionOf(letter))];
    const collection = replaysOf(this.#task);
    const specs = byPartition.map(([partition]) => ({ collection, logical: "", partition }));
    const journals = await this.#head.ensureJournals(specs);
    return byPartition.flatMap(([, own], i) => {
      const lines = own.map((letter) => letterLine(letter, JSON.stringify(letter.original)));
      return appendsOf(journals[i]?.id ?? "", lines);
    });
  }

  #partitionOf({ place }: Letter): number {
    return isRowPlace(place) ? 0 : (this.#partitions.get(place.journal) ?? 0);
  }
}

/** Into the captured collection itself, if the row fits it now. */
export class CaptureReplay implements Replay {
  readonly kind = "replay";
  readonly #router: JournalRouter;
  readonly #validate: Validate;

  private constructor(router: JournalRouter, validate: Validate) {
    this.#router = router;
    this.#validate = validate;
  }

  static async open(head: Head, task: string, collection: CollectionPlan): Promise<CaptureReplay> {
    const router = await JournalRouter.open(head, task, collection);
    return new CaptureReplay(router, compileValidator(collection.schema));
  }

  refusal({ original, error }: Letter): string | undefined {
    if (!isObject(original)) return error.message;
    const violation = this.#validate(original);
    if (violation) return describeViolation(violation);
    const bytes = Buffer.byteLength(JSON.stringify(original)) + 1;
    return bytes > MAX_APPEND_BYTES ? error.message : undefined;
  }

  appends(letters: readonly Letter[]): Promise<readonly Append[]> {
    const documents = letters.map(({ original }) => original as JsonObject); // `refusal` has looked
    const lines = documents.map((document) => `${JSON.stringify(document)}\n`).join("");
    return this.#router.route(documents, Buffer.from(lines));
  }
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
