import { execFile } from "node:child_process";
import { promisify } from "node:util";

const MAX_OUTPUT = 64 * 1024 * 1024;

/** What `git` prints, without the last line break; undefined where it fails or is not there. */
export async function git(
  directory: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("git", ["-C", directory, ...args], {
      env: { ...process.env, ...env },
      maxBuffer: MAX_OUTPUT,
    });
    return stdout.replace(/\n$/, "");
  } catch {
    return undefined;
  }
}
