/**
 * `parent.json` in a build: which plan it was made to follow. It is not in `plan.json`, since the plan is a function of the
 * flows alone: the same flows give the same plan and hash wherever, and after whatever, they are built.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BuildError } from "./build-error.ts";

export const PARENT_FILE = "parent.json";
const PARENT_FORMAT_VERSION = 1;

/** A plan's hash; null where nothing is to have run before. */
export type ParentHash = string | null;

export function formatParent(parentHash: ParentHash): string {
  return `${JSON.stringify({ formatVersion: PARENT_FORMAT_VERSION, parentHash }, null, 2)}\n`;
}

/** Undefined for a build that follows whatever ran before. Throws `BuildError` for a file that this version does not write. */
export async function readParent(directory: string): Promise<ParentHash | undefined> {
  const path = join(directory, PARENT_FILE);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const { formatVersion, parentHash }: { formatVersion?: unknown; parentHash?: unknown } = Object(
    parsed(text),
  );
  const isHash = typeof parentHash === "string" && /^[0-9a-f]{64}$/.test(parentHash);
  if (formatVersion === PARENT_FORMAT_VERSION && (parentHash === null || isHash))
    return parentHash as ParentHash;
  throw new BuildError(
    "WEIR5002",
    `${path} does not say which plan this build follows, as this version of Weir writes it. Build again with --parent.`,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
