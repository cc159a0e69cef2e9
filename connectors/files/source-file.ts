/** A file's text as chunks of bytes, unpacked, from any place on. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { HaltError } from "../driver.ts";
import type { FileProgress, Position } from "./cursor.ts";
import type { FoundFile } from "./find-files.ts";

const CHUNK = 1024 * 1024;
/** Bytes at the beginning of the text that tell one file from another. */
const HEAD_LENGTH = 4096;

export function isGzip({ name }: FoundFile): boolean {
  return name.toLowerCase().endsWith(".gz");
}

/** In bytes, packed as it is. */
export async function sizeOf(file: FoundFile): Promise<number> {
  return (await stat(file.path)).size;
}

/** The text from byte `from` on. A plain file is read from there; a packed one is unpacked from its beginning. */
export async function* readText(
  file: FoundFile,
  from: number,
  chunkSize: number = CHUNK,
): AsyncGenerator<Buffer> {
  const packed = isGzip(file);
  // A chunk's memory is taken before it is read: small files ask for little.
  const size = await sizeOf(file);
  const stream = createReadStream(file.path, {
    highWaterMark: Math.max(1, Math.min(chunkSize, size - (packed ? 0 : from))),
    start: packed ? 0 : from,
  });
  if (!packed) {
    yield* stream;
    return;
  }
  const text = createGunzip({ chunkSize });
  stream.on("error", (error) => text.destroy(error));
  stream.pipe(text);
  let skip = from;
  try {
    for await (const chunk of text) {
      if (skip >= chunk.length) skip -= chunk.length;
      else {
        yield skip === 0 ? chunk : chunk.subarray(skip);
        skip = 0;
      }
    }
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (!/^Z_|ERR_/.test(code)) throw error;
    throw new HaltError(
      `${file.shown} is damaged: ${error instanceof Error ? error.message : code}. Put a whole gzip file there.`,
      {
        cause: error,
      },
    );
  } finally {
    stream.destroy();
    text.destroy();
  }
}

/** The mark by which the file is known again, over what has been read of it. */
export async function markProgress(
  file: FoundFile,
  position: Position,
  known: FileProgress | undefined,
): Promise<FileProgress> {
  if (known && known.headLength === Math.min(HEAD_LENGTH, position.byte)) {
    return { ...position, headLength: known.headLength, head: known.head };
  }
  const { length, hash } = await headOf(file, Math.min(HEAD_LENGTH, position.byte));
  return { ...position, headLength: length, head: hash };
}

/** Halts if the file is not the one that was read up to here, or ends before. */
export async function checkUnchanged(file: FoundFile, progress: FileProgress, size: number): Promise<void> {
  const remedy = "Put the old file back, or give the new one another name.";
  if (!isGzip(file) && size < progress.byte) {
    throw new HaltError(
      `${file.shown} has shrunk: ${progress.byte} bytes were read, ${size} are there. ${remedy}`,
    );
  }
  const { hash } = await headOf(file, progress.headLength);
  if (hash !== progress.head) {
    throw new HaltError(
      `${file.shown} was replaced: it no longer begins as it did when its first ${progress.row} rows were read. ${remedy}`,
    );
  }
}

async function headOf(file: FoundFile, length: number): Promise<{ length: number; hash: string }> {
  const hash = createHash("sha256");
  if (length > 0 && !isGzip(file)) {
    hash.update(await beginningOf(file, length));
    return { length, hash: hash.digest("hex").slice(0, 16) };
  }
  let rest = length;
  if (rest > 0) {
    for await (const chunk of readText(file, 0, HEAD_LENGTH)) {
      hash.update(chunk.subarray(0, rest));
      rest -= Math.min(rest, chunk.length);
      if (rest === 0) break;
    }
  }
  return { length, hash: hash.digest("hex").slice(0, 16) };
}

async function beginningOf(file: FoundFile, length: number): Promise<Buffer> {
  const handle = await open(file.path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
