import { askRunning, checkWhole } from "../../../runtime/control/client.ts";
import type { ReadRequest } from "../../../runtime/journal/read-lines.ts";
import type { WeirProcess } from "../../servers/weir-process.ts";

/** What `weir read` gives, asked of the running process without another one. */
export async function readCollection<T = unknown>(
  { dataDir }: WeirProcess,
  collection: string,
  request: Omit<ReadRequest, "collection"> = {},
): Promise<T[]> {
  const query = new URLSearchParams({ request: JSON.stringify({ collection, ...request }) });
  const answer = await askRunning(dataDir, `/read?${query}`);
  if (!answer) throw new Error("Nothing runs that could be read from.");
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer); // no encoding is set
  checkWhole(answer);
  const lines = Buffer.concat(parts)
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as T); // the documents of the test's own collection
}
