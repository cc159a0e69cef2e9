/**
 * A file that lies beside the head's while that is being opened. Where it is found, the last opening ended without a
 * word: the process was killed, or LMDB ended it at a damaged page. Another process then reads the file first, so that
 * this one can say what is wrong.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Opening {
  /** It has come to an end, well or with an error. */
  ended(): void;
}

export async function beginOpening(directory: string): Promise<Opening> {
  const file = join(directory, "opening");
  if (existsSync(file)) await readInAnotherProcess(directory);
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, "");
  return { ended: () => rmSync(file, { force: true }) };
}

async function readInAnotherProcess(directory: string): Promise<void> {
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const program = fileURLToPath(new URL(`./check-process${extension}`, import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, program, directory], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (part: Buffer) => {
    said += part.toString();
  });
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  if (code === 0) return;
  throw new Error(
    signal === null
      ? said
      : `The head in ${directory} is damaged: LMDB itself ends with ${signal} when it reads it. Put the directory back from a backup.`,
  );
}
