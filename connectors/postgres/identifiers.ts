import { HaltError } from "../driver.ts";

/** Postgres cuts longer names silently, so that two of them may meet (NAMEDATALEN - 1). */
export const MAX_IDENTIFIER_BYTES = 63;

/** `what` names the thing in the message: `column`, `table`. Throws `HaltError` where Postgres cannot take the name. */
export function checkIdentifier(name: string, what: string): void {
  const complaint = identifierComplaint(name, what);
  if (complaint !== undefined) throw new HaltError(complaint);
}

/** Why Postgres cannot take the name, or undefined. */
export function identifierComplaint(name: string, what: string): string | undefined {
  const bytes = Buffer.byteLength(name);
  if (name === "" || name.includes("\0") || !name.isWellFormed()) {
    return `${JSON.stringify(name)} cannot be the name of a ${what} in Postgres; choose another.`;
  }
  if (bytes > MAX_IDENTIFIER_BYTES) {
    return `The ${what} "${name}" has a name of ${bytes} bytes, and Postgres takes ${MAX_IDENTIFIER_BYTES}; choose a shorter one.`;
  }
  return undefined;
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteLiteral(text: string): string {
  // With standard_conforming_strings, on by default since 9.1, a backslash is itself.
  return `'${text.replaceAll("'", "''")}'`;
}
