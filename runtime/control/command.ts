import type { BackfillOrder } from "../backfill/backfill.ts";
import type { DeadLetterRequest } from "../deadletters/desk.ts";

/** What the command line asks of the process that runs a data directory, besides looking. */
export type ControlCommand =
  /** Ends a task's thread, if it has one, and opens the task again. */
  | { readonly kind: "reopen"; readonly task: string }
  /** Runs a derivation in so many shards from now on; answers how many that is. */
  | { readonly kind: "scale"; readonly task: string; readonly shards: number | "auto" }
  /** Notes what is asked of a target, and opens its task again, which does it. Answers a `BackfillReport`. */
  | { readonly kind: "backfill"; readonly order: BackfillOrder }
  /** Deletes what rebuilds have kept under this name, and answers the names of what was deleted; null: of what is kept. */
  | { readonly kind: "drop"; readonly name: string | null }
  /** Looks at dead letters, replays or drops them. */
  | { readonly kind: "deadletters"; readonly request: DeadLetterRequest };
