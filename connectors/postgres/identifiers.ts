import { HaltError } from "../driver.ts";

/** Postgres cuts longer names silently, so that two of them may meet (NAMEDATALEN - 1). */
const MAX_IDENTIFIER_BYTES = 63;

/** `what` names the thing in the message: `column`, `table`. Throws `HaltError` where Postgres cannot take the name. */
export function checkIdentifier(name: string, what: string): void {
  const bytes = Buffer.byteLength(name);
  if (name === "" || name.includes("\0") || !name.isWellFormed()) {
    throw new HaltError(
      `${JSON.stringify(name)} cannot be the name of a ${what} in Postgres; choose another.`,
    );
  }
  if (bytes > MAX_IDENTIFIER_BYTES) {
    throw new HaltError(
      `The ${what} "${name}" has a name of ${bytes} bytes, and Postgres takes ${MAX_IDENTIFIER_BYTES}; choose a shorter one.`,
    );
  }
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteLiteral(text: string): string {
  // With standard_conforming_strings, on by default since 9.1, a backslash is itself.
  return `'${text.replaceAll("'", "''")}'`;
}
