/**
 * Lists, shows, replays and drops dead letters. What it changes, it changes in head transactions of a task of its own,
 * named as the task's dead-letter collection: a letter is taken away in the very transaction that hands it on.
 */
import type { Json, JsonObject, Plan } from "../../plan/plan.ts";
import type { Head, JournalState } from "../head/head.ts";
import { MergedReader } from "../journal/merged-reader.ts";
import { isRemoval, parseRun } from "../journal/runs.ts";
import { formatTime } from "../store/fragment-time.ts";
import type { ObjectStore } from "../store/store.ts";
import { appendsOf, ensureDeadLetters } from "./appends.ts";
import { removedIn } from "./counts.ts";
import type { Discard, Replay } from "./hand-on.ts";
import { type Letter, removalLine } from "./letter.ts";
import { deadLettersOf, taskOfDeadLetters } from "./names.ts";

export type DeadLetterRequest =
  /** Of one task, or of all; the oldest first, so many at most. */
  | { readonly action: "list"; readonly task?: string; readonly limit: number }
  | { readonly action: "show"; readonly task: string; readonly id: string }
  | { readonly action: "replay" | "drop"; readonly task: string; readonly ids: readonly string[] | "all" };

/** A letter without what may be large. */
export interface ListedLetter extends Pick<Letter, "id" | "place" | "planHash"> {
  readonly task: string;
  readonly message: string;
  /** When it was set aside. */
  readonly at: string;
}

export interface LetterList {
  readonly letters: readonly ListedLetter[];
  /** Of all that there are. */
  readonly total: number;
}

export interface ShownLetter extends Letter {
  readonly at: string;
}

export interface Moved {
  readonly moved: number;
  /** What stays a letter, since it would be set aside again at once. */
  readonly refused: readonly { readonly id: string; readonly message: string }[];
}

/** Of one transaction. */
const MOST_LETTERS = 1_000;
const MOST_BYTES = 4 * 1024 * 1024;
/** Positions made here are not kept. */
const NO_EPOCH = 0;

/** Where a letter stands. */
interface Found {
  readonly letter: ListedLetter;
  readonly offset: number;
}

export class DeadLetterDesk {
  readonly #head: Head;
  readonly #store: ObjectStore;
  readonly #plan: Plan | undefined;
  /** One change after the other: no letter is handed on twice. */
  #last: Promise<unknown> = Promise.resolve();

  /** `plan` is what runs, or ran last. */
  constructor(head: Head, store: ObjectStore, plan: Plan | undefined) {
    this.#head = head;
    this.#store = store;
    this.#plan = plan;
  }

  /** Throws where there is no such task or letter. */
  answer(request: DeadLetterRequest): Promise<LetterList | ShownLetter | Moved> {
    switch (request.action) {
      case "list":
        return this.#list(request.task, request.limit);
      case "show":
        return this.#show(request.task, request.id);
      case "replay":
      case "drop": {
        const { action, task, ids } = request;
        const moved = this.#last.then(() => this.#move(task, ids, action));
        this.#last = moved.catch(() => {}); // whose call it was is told
        return moved;
      }
    }
  }

  async #list(task: string | undefined, limit: number): Promise<LetterList> {
    const known = await this.#tasks();
    const tasks = task === undefined ? known : [this.#checked(task, known)];
    const letters: ListedLetter[] = [];
    let total = 0;
    for (const each of tasks) {
      const found = await this.#standing(each);
      total += found.size;
      for (const { letter } of found.values()) if (letters.length < limit) letters.push(letter);
    }
    return { letters, total };
  }

  async #show(task: string, id: string): Promise<ShownLetter> {
    this.#checked(task, await this.#tasks());
    let shown: ShownLetter | undefined;
    for await (const { letter, removed, at } of this.#lines(task)) {
      if (letter.id === id) shown = removed ? undefined : { ...letter, at };
    }
    if (!shown) throw unknownLetters(task, [id]);
    return shown;
  }

  async #move(task: string, ids: readonly string[] | "all", action: "replay" | "drop"): Promise<Moved> {
    this.#checked(task, await this.#tasks());
    const standing = await this.#standing(task);
    const unknown = ids === "all" ? [] : ids.filter((id) => !standing.has(id));
    if (unknown.length > 0) throw unknownLetters(task, unknown);
    const chosen = new Set(ids === "all" ? standing.keys() : ids);
    if (chosen.size === 0) return { moved: 0, refused: [] };
    const way: Replay | Discard = action === "drop" ? { kind: "discard" } : await this.#replayOf(task);
    const collection = deadLettersOf(task);
    const { fence, checkpoint } = await this.#head.openTask(collection);
    const journal = await ensureDeadLetters(this.#head, task);
    let removed = removedIn(checkpoint);
    let moved = 0;
    const refused: Moved["refused"][number][] = [];
    let batch: Letter[] = [];
    let bytes = 0;
    const commit = async () => {
      if (batch.length === 0) return;
      const handedOn = way.kind === "discard" ? [] : await way.appends(batch);
      const removals = batch.map(({ id }) => removalLine(id));
      await this.#head.commit({
        ...{ task: collection, fence },
        appends: [...appendsOf(journal, removals), ...handedOn],
        checkpoint: { removed: removed + batch.length },
      });
      removed += batch.length;
      moved += batch.length;
      batch = [];
      bytes = 0;
    };
    for await (const { letter, offset, size } of this.#lines(task)) {
      if (!chosen.has(letter.id) || standing.get(letter.id)?.offset !== offset) continue;
      const refusal = way.kind === "discard" ? undefined : way.refusal(letter);
      if (refusal !== undefined) {
        refused.push({ id: letter.id, message: refusal });
        continue;
      }
      if (bytes + size > MOST_BYTES || batch.length >= MOST_LETTERS) await commit();
      batch.push(letter);
      bytes += size;
    }
    await commit();
    return { moved, refused };
  }

  async #replayOf(task: string): Promise<Replay> {
    const collection = this.#plan?.collections[task];
    // Only here: it takes the validator along, which a process that replays nothing need not load.
    const { CaptureReplay, DerivationReplay } = await import("./hand-on.ts");
    if (this.#plan?.derivations[task]) return new DerivationReplay(this.#head, task);
    if (this.#plan?.captures[task] && collection) return CaptureReplay.open(this.#head, task, collection);
    throw new Error(
      `"${task}" is not among the flows that ran last, so nothing would work on what is replayed. Declare it again, or drop its dead letters.`,
    );
  }

  /** Names of the tasks that have, or had, dead letters. */
  async #tasks(): Promise<string[]> {
    const journals: readonly JournalState[] = await this.#head.journals();
    const names = journals.flatMap(({ collection }) => taskOfDeadLetters(collection) ?? []);
    return [...new Set(names)].sort();
  }

  #checked(task: string, known: readonly string[]): string {
    const planned = this.#plan !== undefined && Object.hasOwn(this.#plan.collections, task);
    if (planned || known.includes(task)) return task;
    const names = known.length === 0 ? "none has any" : `there are some of ${known.join(", ")}`;
    throw new Error(`No task "${task}" has dead letters; ${names}.`);
  }

  /** By id, the oldest first: those that were neither replayed nor dropped. */
  async #standing(task: string): Promise<Map<string, Found>> {
    const found = new Map<string, Found>();
    for await (const { letter, removed, at, offset } of this.#lines(task)) {
      const { id, place, planHash } = letter;
      found.delete(id);
      if (!removed) {
        found.set(id, { letter: { task, id, place, message: letter.error.message, at, planHash }, offset });
      }
    }
    return found;
  }

  /** All that the task's dead-letter journal holds. Of a removal `letter` has no more than its id. */
  async *#lines(task: string): AsyncGenerator<{
    readonly letter: Letter;
    readonly removed: boolean;
    readonly at: string;
    readonly offset: number;
    /** Bytes, roughly. */
    readonly size: number;
  }> {
    const source = {
      collection: deadLettersOf(task),
      ...{ fromTime: 0, untilTime: Number.POSITIVE_INFINITY, priority: 0, readDelayMs: 0 },
    };
    const reader = await MergedReader.open(this.#head, this.#store, [source], [], NO_EPOCH);
    for (let chunk = await reader.poll(); chunk; chunk = await reader.poll()) {
      for (const { run } of chunk.runs) {
        const at = formatTime(run.at);
        const size = Math.ceil(run.lines.byteLength / run.count);
        for (const [i, line] of parseRun(run).entries()) {
          // Written by `letterLine` and `removalLine`.
          const letter = line as JsonObject & Letter;
          yield { letter, removed: isRemoval(line), at, offset: run.first + i, size };
        }
      }
    }
  }
}

function unknownLetters(task: string, ids: readonly string[]): Error {
  const named = ids.slice(0, 5).join(", ");
  const more = ids.length > 5 ? ` and ${ids.length - 5} more` : "";
  return new Error(
    `"${task}" has no dead letter ${named}${more}; nothing was changed. Look them up with weir deadletters list ${task}.`,
  );
}

/** An answer as it travels. */
export function answerJson(answer: LetterList | ShownLetter | Moved): Json {
  return JSON.parse(JSON.stringify(answer)) as Json; // JSON by its types
}
