import { HaltError } from "../driver.ts";
import type { FoundFile } from "./find-files.ts";

/** Bytes: a longer line is taken for a file of another format. */
const MAX_LINE = 64 * 1024 * 1024;
const LF = 0x0a;

export interface LineChunk {
  /** Whole lines, each ended by a line feed, but for the last line of the text. */
  readonly bytes: Buffer;
  /** False for the rest of the text after its last line feed. */
  readonly ended: boolean;
}

/** Cuts chunks of text anew so that no line lies in two. */
export async function* lineChunks(file: FoundFile, text: AsyncIterable<Buffer>): AsyncGenerator<LineChunk> {
  let rest: Buffer[] = [];
  let restLength = 0;
  for await (const chunk of text) {
    const end = chunk.lastIndexOf(LF) + 1;
    if (end > 0) {
      const lines = chunk.subarray(0, end);
      yield { bytes: rest.length === 0 ? lines : Buffer.concat([...rest, lines]), ended: true };
      rest = [];
      restLength = 0;
    }
    if (end < chunk.length) {
      rest.push(chunk.subarray(end));
      restLength += chunk.length - end;
    }
    if (restLength > MAX_LINE) {
      throw new HaltError(
        `${file.shown} has a line of more than ${MAX_LINE} bytes. Is its format another? Set "format".`,
      );
    }
  }
  if (rest.length > 0) yield { bytes: Buffer.concat(rest), ended: false };
}
