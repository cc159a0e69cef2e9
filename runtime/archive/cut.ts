/**
 * Cut objects: `_weir/cuts/<commit clock>-<epoch>-<digest>.json.zst`, what the head holds besides documents and values
 * at one moment. One is put only once the store lists every document up to its ends: with it and the fragments the
 * head can be made again as it was at that moment.
 */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { constants, type ZstdOptions, zstdCompress, zstdDecompress } from "node:zlib";
import { protocolPoint } from "../../connectors/protocol-point.ts";
import type { HeadSnapshot, StoredCut } from "../head/head.ts";
import type { ObjectStore } from "../store/store.ts";

const CUTS = "_weir/cuts/";
const NAME = /^_weir\/cuts\/([0-9a-f]{16})-(\d+)-([0-9a-f]{16})\.json\.zst$/;
/** More than a cut should ever hold. */
const MAX_BYTES = 1024 * 1024 * 1024;
const FORMAT = 1;

export interface CutName {
  readonly key: string;
  /** Commit clock, µs since 1970 UTC. */
  readonly clock: number;
  readonly epoch: number;
}

export type Cut = Pick<HeadSnapshot, "clock" | "journals" | "tasks" | "notes">;

const compress = promisify<Uint8Array, ZstdOptions, Buffer>(zstdCompress);
const decompress = promisify<Uint8Array, ZstdOptions, Buffer>(zstdDecompress);

/** Puts a cut. Rejects where the store does not list it then. */
export async function putCut(store: ObjectStore, epoch: number, cut: Cut): Promise<StoredCut> {
  const { clock, journals, tasks, notes } = cut;
  const text = Buffer.from(JSON.stringify({ format: FORMAT, clock, journals, tasks, notes }));
  const bytes = await compress(text, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
  const key = `${CUTS}${clock.toString(16).padStart(16, "0")}-${epoch}-${digestOf(text)}.json.zst`;
  protocolPoint("archive.cut.before");
  await store.put(key, bytes);
  protocolPoint("archive.cut.put");
  const listed = await store.list(key)[Symbol.asyncIterator]().next();
  if (listed.done || listed.value.size !== bytes.length) {
    throw new Error(`The store took ${key} and does not list it; it is put again.`);
  }
  return { clock, ends: Object.fromEntries(journals.map(({ id, next }) => [id, next])) };
}

/** Deletes all but this cut and the newest one before it that counts. */
export async function dropOtherCuts(
  store: ObjectStore,
  clock: number,
  counts: (cut: CutName) => boolean,
): Promise<void> {
  const names = await listCuts(store);
  const before = names.filter((name) => name.clock < clock && counts(name)).at(-1);
  const others = names.filter((name) => name.clock !== clock && name.key !== before?.key);
  if (others.length > 0) await store.delete(others.map(({ key }) => key));
}

/** From the oldest to the newest. */
export async function listCuts(store: ObjectStore): Promise<readonly CutName[]> {
  const names: CutName[] = [];
  for await (const { key } of store.list(CUTS)) {
    const [, clock = "", epoch = ""] = NAME.exec(key) ?? [];
    if (clock !== "") names.push({ key, clock: Number.parseInt(clock, 16), epoch: Number(epoch) });
  }
  return names;
}

/** Throws, saying why, if it cannot be read or is not what its name says. */
export async function readCut(store: ObjectStore, { key }: CutName): Promise<Cut> {
  const bytes = await store.get(key);
  let text: Buffer;
  try {
    text = await decompress(bytes, { maxOutputLength: MAX_BYTES });
  } catch (cause) {
    throw new Error(`The cut ${key} is damaged: ${cause instanceof Error ? cause.message : String(cause)}.`, {
      cause,
    });
  }
  if (digestOf(text) !== NAME.exec(key)?.[3])
    throw new Error(`The cut ${key} is damaged: its digest differs.`);
  const { format, ...cut } = JSON.parse(text.toString("utf8")) as Cut & { format: number }; // by `putCut`: the digest says so
  if (format !== FORMAT) throw new Error(`The cut ${key} was written by another version of Weir.`);
  return cut;
}

function digestOf(text: Uint8Array): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
