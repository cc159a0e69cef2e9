/**
 * What the runtime asks of a connector. A connector's folder holds `index.ts`, the typed
 * constructor that a flow file imports (values and types only), and `driver.ts`, which the
 * runtime loads in the thread that runs the task. The constructor never imports the driver.
 */
import type { CollectionPlan, Json, JsonObject } from "../plan/plan.ts";

/** A configuration whose `EnvReference`s have been replaced by their values. May hold secrets: never log it. */
export type ResolvedConfig = JsonObject;

export interface TaskLog {
  info(message: string): void;
  warn(message: string): void;
}

/**
 * The task cannot go on without a person: a poison document, a target that does not fit.
 * The runtime halts the task, shows the message, and lets the others run on. Any other error
 * is taken to be transient: the runtime closes the task, waits (exponential backoff) and opens it again.
 */
export class HaltError extends Error {
  override readonly name: string = "HaltError";
}

/** Told by its name: a connector of another package may bring another copy of this module. */
export function isHalt(error: unknown): error is HaltError {
  return error instanceof HaltError || (error instanceof Error && HALTS.has(error.name));
}

const HALTS: ReadonlySet<string> = new Set(["HaltError", "FencedError"]);

/** A newer instance of this task owns the target or the journal; this one must end and never commit. */
export class FencedError extends HaltError {
  override readonly name: string = "FencedError";
}

// ── Captures ────────────────────────────────────────────────────────────────

/** Why a document is refused: `path` is a JSON Pointer ("" is the whole document), `rule` the schema's keyword and sentence. */
export interface DocumentViolation {
  readonly path: string;
  readonly rule: string;
}

/** Documents of one append, in order. `lines` is their JSON, one document a line, each line ended by "\n" and no other line break. */
export interface CapturedBatch {
  readonly count: number;
  /** The documents, where they are at hand: `lines` need not be parsed then, where a collection has partitions. */
  readonly values?: readonly JsonObject[];
  readonly lines: Uint8Array;
  /** Rows among them that are no documents, to be set aside in the same transaction. Only where the context `setsAside`. */
  readonly refused?: readonly RefusedRow[];
}

/**
 * Recognises documents in their bytes, a line each: lines that begin at `from` and follow each other, `maxDocuments` at most, until one
 * that is not sure to fit the collection's schema. That one is to be parsed and validated, which takes many times longer. Lines end in
 * "\n", the last may end with the bytes. The bytes must be UTF-8.
 */
export type Recogniser = (bytes: Uint8Array, from: number, maxDocuments: number) => RecognisedLines;

export interface RecognisedLines {
  readonly count: number;
  /** Where the line after them begins, or the end of the bytes. */
  readonly end: number;
}

/** A row that is no document of the collection. */
export interface RefusedRow {
  /** As the source names it to its user. */
  readonly file: string;
  /** From 0, over all rows of the file. */
  readonly row: number;
  /** From 1; absent where rows are no lines. */
  readonly line?: number;
  readonly violation: DocumentViolation;
  /** As the document would have been; of what is no JSON object the value, or the text. */
  readonly original: Json;
}

export interface CaptureContext {
  /** The task's name, which is its collection's. */
  readonly task: string;
  readonly collection: CollectionPlan;
  readonly config: ResolvedConfig;
  /** What the newest committed append stored, or undefined before the first. */
  readonly cursor: Json | undefined;
  /** Aborts when the task must stop; the driver ends what it does and returns. */
  readonly signal: AbortSignal;
  readonly log: TaskLog;
  /** Whether a row that is no document is handed over as `refused`, and does not end the capture. */
  readonly setsAside: boolean;
  /**
   * Of a driver whose captures share a thread: nothing may be appended for now, and whoever sends something is to be told to
   * come again. A capture with a thread of its own is not run meanwhile.
   */
  readonly isPaused: boolean;
  /** To be called once the source is open (it listens, it has found its files): the task counts as running from then on. */
  ready(): void;
  /** Undefined if the document fits the collection's schema. */
  validate(document: unknown): DocumentViolation | undefined;
  /** Undefined where the schema does not allow it. */
  readonly recognise: Recogniser | undefined;
  /**
   * Appends documents and moves the cursor in one transaction. Resolves once both are on disk.
   * May be called again before it resolves: appends commit in the order of the calls.
   * Rejects if the transaction failed as a whole; nothing of it was stored then.
   */
  append(batch: CapturedBatch, cursor?: Json): Promise<void>;
}

/** Of the runtime as a whole, from `weir.config.ts`. */
export interface RuntimeSettings {
  /** Directory that relative paths of a configuration start from. */
  readonly baseDir: string;
  /** Where HTTP captures listen, and how much they take in at a time (bytes of bodies) and for how long. */
  readonly http: {
    readonly host: string;
    readonly port: number;
    readonly maxInFlightBytes?: number;
    readonly requestTimeoutSeconds?: number;
  };
}

export interface CaptureDriver {
  /**
   * `own`: each capture runs in a thread of its own. `shared`: all captures of this connector run in
   * one, since they share something (a listening port).
   */
  readonly thread: "own" | "shared";
  /** Whether the source ends: `weir run --once` waits for bounded sources to be exhausted. */
  bounded(config: JsonObject): boolean;
  /** Runs until the sources are exhausted or the signal aborts. Rejects with the first failure; `HaltError` halts. */
  run(captures: readonly CaptureContext[], settings: RuntimeSettings): Promise<void>;
}

// ── Materializations ────────────────────────────────────────────────────────

/** Values of the key fields, in the order of the collection's key. */
export type KeyValues = readonly (string | number | boolean)[];

/**
 * One key's change in a transaction. No two changes of a transaction have the same key.
 * `put` is the whole row, whatever is stored. `add` is to be reduced into the stored row, if there is
 * one; a session whose `reducesInTarget` is false never gets it.
 */
export type RowChange =
  | { readonly op: "put"; readonly key: KeyValues; readonly document: JsonObject }
  | { readonly op: "add"; readonly key: KeyValues; readonly document: JsonObject }
  | { readonly op: "remove"; readonly key: KeyValues };

export interface MaterializationContext {
  /** The task's name, which is the target's resource: `postgres:customer_spend`. Names the checkpoint in the target. */
  readonly task: string;
  readonly collection: CollectionPlan;
  readonly config: ResolvedConfig;
  /** `delta`: the runtime calls `append` only. A driver whose constructor does not offer it need not look. */
  readonly mode: "standard" | "delta";
  /** The task's name before, where the flow says that it was renamed: what is found under it goes on under `task`. */
  readonly renamedFrom: string | undefined;
  /**
   * Whether a target that was filled up to this position (undefined: nothing was stored yet) may be emptied and given
   * another form, where the one that it has does not fit. It then has no position, and is filled from the beginning.
   */
  mayReshape(position: Json | undefined): boolean;
  /**
   * Whether a user asked for a target that was filled up to this position to be emptied and filled anew: what of it is gone
   * may then be made again. It must be left without a position if it is.
   */
  mayRemake(position: Json | undefined): boolean;
  readonly log: TaskLog;
}

/** A document as it was appended, for a target in `delta` mode. */
export interface DeltaDocument {
  readonly journal: string;
  readonly offset: number;
  /** Commit time, µs since 1970 UTC. */
  readonly at: number;
  /** A removal holds the key fields alone. */
  readonly removed: boolean;
  readonly document: JsonObject;
}

/** Rows of one transaction of which the target is known to have none yet: they need not be looked for. */
export interface NewRows {
  /** Rows taken. */
  readonly size: number;
  /**
   * Takes the document as the whole row of its key if no row of that key is stored, was taken, or was offered. If not, it
   * is the caller's to store by a change, which has its effect after the new rows.
   */
  take(document: JsonObject): boolean;
  /**
   * Takes a document from its JSON, a line of UTF-8 that begins there and ends with a line break, whose place is then
   * returned. -1 if it is not taken: it is to be offered by `take`.
   */
  takeJson(bytes: Uint8Array, from: number): number;
  /** As `take`, of a removal, whose document need hold no more than the key: it is always the caller's. */
  pass(keyDocument: JsonObject): void;
}

/** An open target whose fence this instance holds. */
export interface TargetSession {
  /** The checkpoint found in the target when the fence was taken; opaque to the driver, which stores it as it is. */
  readonly position: Json | undefined;
  /** True if the target reduces `add` exactly as the runtime would; false if the runtime must `load` and `put`. */
  readonly reducesInTarget: boolean;
  /** The runtime closes a transaction when it holds this many distinct keys. */
  readonly maxRows: number;
  /**
   * Whether `store` may be called while one transaction before it is under way: it is stored after that one, and not at all
   * where that one fails.
   */
  readonly pipelines?: boolean;
  /** The stored documents of these keys, in their order. Only the fields that the target holds. */
  load(keys: readonly KeyValues[]): Promise<readonly (JsonObject | undefined)[]>;
  /**
   * Where the target can tell: for the new rows of the next transaction. Every document and removal of that transaction
   * must be offered to it, in order.
   */
  newRows?(): NewRows | undefined;
  /**
   * Stores new rows, changes, checkpoint and fence check as one transaction of the target. Rejects with `FencedError`
   * if another instance has taken the fence or the position is not the one expected; nothing was stored then.
   */
  store(changes: readonly RowChange[], next: Json, rows?: NewRows): Promise<void>;
  /** In `delta` mode: adds a row for each document, in their order, with the same transaction as `store`. */
  append?(documents: readonly DeltaDocument[], next: Json): Promise<void>;
  /**
   * In `delta` mode: deletes the rows of the documents from these offsets of their journals on and sets the position, with
   * the same transaction as `store`. A log that cannot do so is only ever filled anew from the beginning.
   */
  rewind?(from: readonly Pick<DeltaDocument, "journal" | "offset">[], next: Json): Promise<void>;
  /**
   * Removes every row that this task has stored and sets the position, under the same checks as `store`. Where the
   * target cannot do that in one transaction, a repeat after a crash finishes it before anything else is stored.
   */
  clear(next: Json): Promise<void>;
  close(): Promise<void>;
}

/** A target under one of its names, whether it serves, is filled beside the one that does, or is kept from before. */
export interface TargetPlace {
  /** Names the checkpoint in the target, as in `MaterializationContext`. */
  readonly task: string;
  readonly config: ResolvedConfig;
  readonly collection: CollectionPlan;
  readonly mode: "standard" | "delta";
}

/** Of a target that was filled beside the one that serves, and has caught up. No instance of either is at work. */
export interface TargetSwap {
  readonly beside: TargetPlace;
  /** Where readers look: what was filled `beside` comes to stand here, with its checkpoint. */
  readonly serving: TargetPlace;
  /** Where what stood there goes, with its checkpoint; undefined where the target is new. */
  readonly kept: TargetPlace | undefined;
  readonly log: TaskLog;
}

export interface MaterializationDriver {
  /**
   * Connects, creates what is missing, takes the fence and reads the position. Throws `HaltError` where the target
   * cannot hold the collection, saying what does not fit and what to do; if it `mayReshape` and can be, it is, in one
   * transaction under the fence.
   */
  open(context: MaterializationContext): Promise<TargetSession>;
  /**
   * The configuration of the same target at a place of its own, which no reader looks at: filled there beside the one that
   * serves, or kept there after it. Another `label` (a number, as text) gives another place. The configuration may hold
   * `EnvReference`s. A driver without it cannot have its targets filled beside.
   */
  aside?(config: JsonObject, label: string): JsonObject;
  /**
   * Has what was filled beside take the place of what serves, both with their checkpoints, in one transaction of the target
   * that fences off every instance of both. Does nothing where it is done already. Throws `HaltError` where something that
   * hangs on the former rows (a view, a foreign key) stands in the way.
   */
  swap?(swap: TargetSwap): Promise<void>;
  /** Deletes the rows and the checkpoint of this place, whole or, after a crash, by a repeat. Does nothing where there are none. */
  drop?(place: TargetPlace, log: TaskLog): Promise<void>;
}
