import { stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { glob } from "tinyglobby";
import { compareNames } from "./cursor.ts";

export interface FoundFile {
  /** Relative to the glob's fixed part, with `/` between folders. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** For people: relative to the configuration, or absolute where it lies outside. */
  readonly shown: string;
}

export interface FileSearch {
  /** The glob's fixed part, absolute: the directory that names are relative to. */
  readonly directory: string;
  /** Every matching file, in the byte order of their names. */
  find(): Promise<readonly FoundFile[]>;
}

/** `pattern` is a glob or a path, relative to `baseDir` or absolute. Hidden files match only where the pattern names the dot. */
export async function fileSearch(pattern: string, baseDir: string): Promise<FileSearch> {
  const whole = resolve(baseDir, pattern);
  // A file's own name may hold what a glob reads as a sign.
  if (await isFile(whole)) {
    const file = found(dirname(whole), basename(whole), baseDir);
    return { directory: dirname(whole), find: async () => ((await isFile(whole)) ? [file] : []) };
  }
  const sign = pattern.search(/[*?[\]{}()!+@]/);
  const slash = sign < 0 ? pattern.lastIndexOf("/") : pattern.lastIndexOf("/", sign);
  const directory = resolve(baseDir, pattern.slice(0, slash + 1));
  const rest = pattern.slice(slash + 1);
  return {
    directory,
    find: async () => {
      const names = await glob(rest, { cwd: directory, onlyFiles: true, expandDirectories: false });
      return names
        .map((name) => name.split(sep).join("/"))
        .sort(compareNames)
        .map((name) => found(directory, name, baseDir));
    },
  };
}

function found(directory: string, name: string, baseDir: string): FoundFile {
  const path = join(directory, name);
  const within = relative(baseDir, path);
  return { name, path, shown: within.startsWith("..") ? path : within.split(sep).join("/") };
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
