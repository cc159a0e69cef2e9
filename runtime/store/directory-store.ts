/** A store in a directory: one file per object, each whole and on disk before it can be listed. */
import { randomBytes } from "node:crypto";
import type { Dirent } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve, sep } from "node:path";
import {
  checkKey,
  type ListOptions,
  ObjectNotFoundError,
  type ObjectStore,
  type StoredObject,
  StoreError,
  TEMPORARY_PREFIX,
} from "./object-store.ts";

export async function openDirectoryStore(directory: string): Promise<ObjectStore> {
  if (!isAbsolute(directory)) {
    throw new StoreError(
      `The store's directory ${JSON.stringify(directory)} is relative: give an absolute path.`,
      {
        transient: false,
      },
    );
  }
  const store = new DirectoryStore(resolve(directory));
  await store.prepare();
  return store;
}

class DirectoryStore implements ObjectStore {
  readonly description: string;
  readonly #root: string;
  /** Directories whose entry in their parent this process has flushed; an earlier process may have died before doing so. */
  readonly #flushedDirectories = new Set<string>();

  constructor(root: string) {
    this.#root = root;
    this.description = `the directory ${root}`;
  }

  async prepare(): Promise<void> {
    try {
      await this.#ensureDirectory(this.#root);
      await readdir(this.#root);
    } catch (error) {
      throw this.#storeError(error, "be opened");
    }
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(key);
    const directory = dirname(path);
    const temporary = join(directory, `${TEMPORARY_PREFIX}${randomBytes(8).toString("hex")}.tmp`);
    try {
      await this.#ensureDirectory(directory);
      try {
        await writeFlushed(temporary, bytes);
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      await flushDirectory(directory);
    } catch (error) {
      throw this.#storeError(error, `store ${key}`);
    }
  }

  async get(key: string): Promise<Uint8Array> {
    try {
      return await readFile(this.#path(key));
    } catch (error) {
      if (isAbsent(error)) throw new ObjectNotFoundError(key, this.description);
      throw this.#storeError(error, `read ${key}`);
    }
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<StoredObject> {
    const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
    if (folder !== "") checkKey(folder.slice(0, -1));
    try {
      yield* this.#walk(folder, prefix, options.after === undefined ? undefined : Buffer.from(options.after));
    } catch (error) {
      throw error instanceof StoreError ? error : this.#storeError(error, `list ${prefix}`);
    }
  }

  /** `folder` is "" or ends in "/". */
  async *#walk(folder: string, prefix: string, after: Buffer | undefined): AsyncIterable<StoredObject> {
    for (const { key, isFolder } of await this.#entries(folder)) {
      if (!key.startsWith(prefix)) continue;
      if (isFolder) {
        // A folder's keys all sort before `after` if its own name does and is not the beginning of `after`.
        if (after && Buffer.compare(Buffer.from(key), after) < 0 && !startsWith(after, key)) continue;
        yield* this.#walk(key, prefix, after);
      } else if (after === undefined || Buffer.compare(Buffer.from(key), after) > 0) {
        const size = await fileSize(this.#path(key));
        if (size !== undefined) yield { key, size };
      }
    }
  }

  /** In the order of their keys' bytes, where a folder's name counts with its slash. */
  async #entries(folder: string): Promise<readonly { key: string; isFolder: boolean }[]> {
    let found: Dirent[];
    try {
      found = await readdir(join(this.#root, folder), { withFileTypes: true });
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
    return found
      .filter((entry) => !entry.name.startsWith(TEMPORARY_PREFIX) && (entry.isDirectory() || entry.isFile()))
      .map((entry) => {
        const key = folder + entry.name + (entry.isDirectory() ? "/" : "");
        return { key, isFolder: entry.isDirectory(), bytes: Buffer.from(key) };
      })
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes));
  }

  async delete(keys: readonly string[]): Promise<void> {
    const folders = new Set<string>();
    try {
      for (const key of keys) {
        const path = this.#path(key);
        await rm(path, { force: true });
        folders.add(dirname(path));
      }
      for (const folder of folders) {
        await flushDirectory(folder).catch((error: unknown) => {
          if (!isAbsent(error)) throw error;
        });
      }
    } catch (error) {
      throw error instanceof StoreError ? error : this.#storeError(error, "delete objects");
    }
  }

  async close(): Promise<void> {}

  #path(key: string): string {
    checkKey(key);
    return join(this.#root, ...key.split("/"));
  }

  /** Makes a directory and its parents, and flushes each one's entry in its own parent, once per process. */
  async #ensureDirectory(directory: string): Promise<void> {
    if (this.#flushedDirectories.has(directory)) return;
    const firstCreated = await mkdir(directory, { recursive: true });
    // Inside the root every level is flushed; above it, those that were made just now.
    let top = this.#root;
    if (firstCreated !== undefined && firstCreated.length < top.length) top = resolve(firstCreated);
    const chain: string[] = [];
    for (let level = directory; level === top || level.startsWith(top + sep); level = dirname(level)) {
      if (this.#flushedDirectories.has(level)) break;
      chain.push(level);
      if (level === dirname(level)) break;
    }
    for (const level of chain.reverse()) await flushDirectory(dirname(level));
    for (const level of chain) this.#flushedDirectories.add(level);
  }

  #storeError(error: unknown, action: string): StoreError {
    const { code, message } = systemError(error);
    const sentence =
      action === "be opened"
        ? `The store at ${this.description} cannot be opened`
        : `${this.description} could not ${action}`;
    const remedy = REMEDIES[code];
    return new StoreError(`${capitalize(sentence)}: ${remedy?.text ?? message}.`, {
      cause: error,
      transient: remedy?.transient ?? true,
    });
  }
}

const REMEDIES: Readonly<Record<string, { readonly text: string; readonly transient: boolean }>> = {
  EACCES: { text: "access is denied (EACCES); give this user read and write permission", transient: false },
  EPERM: {
    text: "the operation is not permitted (EPERM); give this user read and write permission",
    transient: false,
  },
  EROFS: { text: "the file system is read-only (EROFS); mount it for writing", transient: false },
  ENOTDIR: {
    text: "a part of the path is a file (ENOTDIR); move it away or choose another directory",
    transient: false,
  },
  EEXIST: {
    text: "a file has that name already (EEXIST); move it away or choose another directory",
    transient: false,
  },
  ENOSPC: { text: "the disk is full (ENOSPC); free space, and it goes on by itself", transient: true },
};

async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function flushDirectory(path: string): Promise<void> {
  // Windows cannot open a directory for flushing; NTFS journals its entries.
  if (process.platform === "win32") return;
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Undefined if the file was deleted since its directory was read. */
async function fileSize(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function systemError(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: "", message: String(error) };
  return { code: "code" in error ? String(error.code) : "", message: error.message };
}

function isAbsent(error: unknown): boolean {
  return ["ENOENT", "EISDIR", "ENOTDIR"].includes(systemError(error).code);
}

function startsWith(bytes: Buffer, text: string): boolean {
  const beginning = Buffer.from(text);
  return (
    bytes.length >= beginning.length &&
    bytes.compare(beginning, 0, beginning.length, 0, beginning.length) === 0
  );
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
