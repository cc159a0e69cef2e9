import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import type { BenchFlight } from "../flights.ts";

const decompress = promisify(zstdDecompress);

/** What a script of somebody's own reads of what Weir has captured: all objects below the directory HISTORY, in the order of offsets. */
export async function* history(): AsyncGenerator<BenchFlight> {
  const directory = process.env.HISTORY ?? "";
  const objects = globSync("**/*.ndjson.zst", { cwd: directory });
  // Their names begin with their first offset.
  objects.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  for (const object of objects) {
    const text = (
      await decompress(await readFile(join(directory, object)), { chunkSize: 1 << 20 })
    ).toString();
    for (const line of text.split("\n")) if (line !== "") yield JSON.parse(line);
  }
}

function nameOf(object: string): string {
  return object.slice(object.lastIndexOf("/") + 1);
}
