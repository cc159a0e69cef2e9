import { HaltError } from "../../../connectors/driver.ts";
import { RefusedStateError } from "./keyed-state.ts";
import { RefusedOutputError } from "./outputs.ts";
import { DocumentError, type Place } from "./place.ts";
import { type ShuffleKey, ShuffleKeyError } from "./shuffle-key.ts";

/** What a function of the user, or what it gave, has run into. `title` begins the message and names the function. */
export function failureAt(
  place: Place,
  title: string,
  key: ShuffleKey | undefined,
  error: unknown,
): DocumentError {
  const stack = isOfFunction(error) && error instanceof Error ? error.stack : undefined;
  const reason = { what: reasonOf(title, key, error), stack };
  return new DocumentError(place, (document) => describe(title, key, document, error), reason);
}

/** Whether a function of the user threw it, and not what looks at what it gave. */
function isOfFunction(error: unknown): boolean {
  return !(
    error instanceof RefusedOutputError ||
    error instanceof RefusedStateError ||
    error instanceof ShuffleKeyError ||
    error instanceof HaltError
  );
}

function reasonOf(title: string, key: ShuffleKey | undefined, error: unknown): string {
  if (error instanceof RefusedOutputError) return `${title} returned ${error.what}: ${error.message}`;
  if (error instanceof RefusedStateError) {
    const violation = `${error.path || "the whole"} ${error.message}`;
    return `${title} left a state that cannot be kept, for the shuffle key ${key}: ${violation}`;
  }
  if (error instanceof ShuffleKeyError) return `${error.reader}: ${error.message}`;
  if (error instanceof HaltError) return error.message;
  return `${title} threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`;
}

function describe(title: string, key: ShuffleKey | undefined, document: string, error: unknown): string {
  if (error instanceof RefusedOutputError) {
    return `${title} returned ${error.what}, from ${document}: ${error.message}.`;
  }
  if (error instanceof RefusedStateError) {
    const violation = `${error.path || "the whole"} ${error.message}`;
    return `${title} left a state that cannot be kept, for the shuffle key ${key}, after ${document}: ${violation}. Correct it, or the state's schema, and run again.`;
  }
  if (error instanceof ShuffleKeyError) {
    return `${error.reader}: of ${document}, ${error.message}; correct it and run again.`;
  }
  // A reduction says itself what does not fit.
  if (error instanceof HaltError) return `${error.message} Met with ${document}.`;
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${title} threw on ${document}; correct it and run again. ${detail}`;
}
