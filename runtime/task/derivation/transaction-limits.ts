/** How much one transaction of a derivation takes before it is committed, though there is more to read. */
import type { DerivationTask } from "../task.ts";
import type { CacheLimits } from "./durable-values.ts";

/** Bounds memory, and how much a crash repeats. */
export interface DerivationLimits {
  /** Of input, outputs and changed state of one transaction, roughly. */
  readonly transactionBytes: number;
  /** Output keys and changed states of one transaction. */
  readonly transactionKeys: number;
  /** Of transactions whose outputs are combined: they hold little of what they read, and the more it is the less they write. */
  readonly combined: CombinedLimits;
  /** Of the state, and of the reduced documents of each source. */
  readonly cache: CacheLimits;
}

export interface CombinedLimits {
  /** Of input. */
  readonly inputBytes: number;
  /** Of output documents, roughly, if they are as long as those of the input. */
  readonly heldBytes: number;
  readonly keys: number;
  /**
   * After which one is committed that has not come to its other limits: what reads the outputs must not wait for long. Each that
   * ends so while there is more to read doubles it for the next: with a backlog of many seconds they wait for that anyway.
   */
  readonly milliseconds: number;
  /** The most that it is doubled to. */
  readonly mostMilliseconds: number;
}

const LIMITS: DerivationLimits = {
  transactionBytes: 8 * 1024 * 1024,
  transactionKeys: 50_000,
  combined: {
    inputBytes: 256 * 1024 * 1024,
    heldBytes: 32 * 1024 * 1024,
    keys: 100_000,
    milliseconds: 1_000,
    mostMilliseconds: 8_000,
  },
  cache: { keys: 250_000, bytes: 64 * 1024 * 1024 },
};

/** Shards share the room that a whole task has. */
export function limitsOf({ shard }: DerivationTask): DerivationLimits {
  const { of } = shard ?? { of: 1 };
  const { keys, bytes } = LIMITS.cache;
  const heldBytes = Math.ceil(LIMITS.combined.heldBytes / of);
  return {
    ...LIMITS,
    cache: { keys: Math.ceil(keys / of), bytes: Math.ceil(bytes / of) },
    combined: { ...LIMITS.combined, heldBytes },
  };
}

/** What a transaction has read. */
export interface TakenSoFar {
  readonly documents: number;
  readonly bytes: number;
  /** When it began, ms of a clock that is never set. */
  readonly since: number;
}

/** What it will append and store. */
export interface Made {
  /** Outputs, or keys where they are combined, and changed values. */
  readonly size: number;
  /** Roughly. */
  readonly bytes: number;
}

/** When a transaction is committed though there is more to read. */
export interface Fullness {
  /** Whether it has come to one of its limits. */
  isReached(taken: TakenSoFar, made: Made): boolean;
  /** To be called when one ends. `hasMore`: whether more may be there to read. */
  next(hasMore: boolean): void;
}

export function fullnessOf(
  { collection, plan }: DerivationTask,
  { transactionBytes, transactionKeys, combined }: DerivationLimits,
  now: () => number = () => performance.now(),
): Fullness {
  const holdsInput = plan.state !== undefined || plan.sources.some(({ reduced }) => reduced);
  if (Object.keys(collection.reduce).length === 0 || holdsInput) {
    return {
      isReached: ({ bytes }, made) => bytes + made.bytes >= transactionBytes || made.size >= transactionKeys,
      next: () => {},
    };
  }
  let { milliseconds } = combined;
  return {
    isReached: ({ bytes, documents, since }, made) =>
      bytes >= combined.inputBytes ||
      made.bytes >= transactionBytes ||
      made.size >= combined.keys ||
      made.size * (bytes / documents) >= combined.heldBytes ||
      (bytes >= transactionBytes && now() - since >= milliseconds),
    next: (hasMore) => {
      milliseconds = hasMore ? Math.min(2 * milliseconds, combined.mostMilliseconds) : combined.milliseconds;
    },
  };
}
