import type { ViewDeclaration } from "./declarations.ts";
import { type Duration, milliseconds } from "./duration.ts";
import { type Instant, instantMilliseconds } from "./instant.ts";
import { shown } from "./json.ts";

/** How a derivation reads a source. */
export interface ReadOptions {
  /** Documents committed at this time or later: a UTC date, or an RFC 3339 time. Default: from the first on. */
  readonly from?: Instant;
  /** Documents committed before this time. Default: without end. */
  readonly until?: Instant;
  /** An integer. Of the documents that can be read, those of the source with the highest go first. Default 0. */
  readonly priority?: number;
  /** How far behind the clock the source is read, in history and live alike: `"10m"`. Default: not at all. */
  readonly readDelay?: Duration;
}

type Read = Pick<ViewDeclaration, "from" | "until" | "priority" | "readDelay">;

const OPTIONS: readonly string[] = ["from", "until", "priority", "readDelay"];

/** @throws Error naming the option that cannot be. */
export function checkedRead(place: string, options: ReadOptions): Read {
  if (typeof options !== "object" || options === null) {
    throw new Error(`${place} has no options. Give it ${OPTIONS.join(", ")}, or leave the call out.`);
  }
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new Error(
      `${place} has no option ${JSON.stringify(unknown)}. Its options are ${OPTIONS.join(", ")}.`,
    );
  }
  const { from, until, priority = 0, readDelay } = options;
  // That until comes after from is for the compiler to say, which then tells everything else as well.
  if (from !== undefined) checkInstant(place, "from", from);
  if (until !== undefined) checkInstant(place, "until", until);
  if (!Number.isSafeInteger(priority)) {
    throw new Error(
      `${place}: the priority ${shown(priority)} is not an integer. Give one, as in priority: 1.`,
    );
  }
  if (readDelay !== undefined && (typeof readDelay !== "string" || milliseconds(readDelay) === undefined)) {
    throw new Error(
      `${place}: the readDelay ${shown(readDelay)} is not a duration. Give a whole number and one of ` +
        'ms, s, m, h and d, as in readDelay: "10m".',
    );
  }
  return { from, until, priority, readDelay };
}

function checkInstant(place: string, option: string, value: unknown): void {
  if (typeof value === "string" && instantMilliseconds(value) !== undefined) return;
  throw new Error(
    `${place}: ${option} ${shown(value)} is not a time. Give a date or an RFC 3339 time, ` +
      `as in ${option}: "2026-01-01" or ${option}: "2026-01-01T12:00:00Z".`,
  );
}
