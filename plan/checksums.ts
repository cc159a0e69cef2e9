/**
 * The checksums of a build's bundle files, in the form that `sha256sum --check` reads. A bundle's name is the hash of its
 * meaning, which takes the compiler to compute; this one finds a damaged or edited file without it.
 */

export const CHECKSUMS_FILE = "SHA256SUMS";

/** `files`: SHA-256, hex, by file name. */
export function formatChecksums(files: ReadonlyMap<string, string>): string {
  return [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, hash]) => `${hash}  ${name}\n`)
    .join("");
}

export function parseChecksums(text: string): ReadonlyMap<string, string> {
  const lines = text.split("\n").map((line) => /^([0-9a-f]{64}) {2}(.+)$/.exec(line));
  return new Map(lines.flatMap((match) => (match?.[1] && match[2] ? [[match[2], match[1]]] : [])));
}
