import type { DeadLetterRequest } from "../deadletters/desk.ts";

/** What the command line asks of the process that runs a data directory, besides looking. */
export type ControlCommand =
  /** Ends a task's thread, if it has one, and opens the task again. */
  | { readonly kind: "reopen"; readonly task: string }
  /** Runs a derivation in so many shards from now on; answers how many that is. */
  | { readonly kind: "scale"; readonly task: string; readonly shards: number | "auto" }
  /** Looks at dead letters, replays or drops them. */
  | { readonly kind: "deadletters"; readonly request: DeadLetterRequest };
