/** A project whose captures have a history in fragments, before anything else is derived or materialized. Made once per store. */
import { join } from "node:path";
import { CopyObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { PLANS } from "./bank.ts";
import { FaultyRuntime } from "./faulty-runtime.ts";
import { Feeder, type Sent } from "./feeder.ts";
import {
  buildPlans,
  copyProject,
  newDirectory,
  removeDirectory,
  type S3Config,
  type StoreConfig,
} from "./project.ts";
import type { Servers } from "./servers.ts";
import { TUNING } from "./tuning.ts";

export interface History {
  /** To be copied, never run. */
  readonly directory: string;
  readonly store: StoreConfig;
  readonly sent: Sent;
}

/** A round's own copy. */
export interface Copy {
  readonly directory: string;
  readonly dataDir: string;
  readonly origin: string;
  readonly store: StoreConfig;
}

const REQUESTS = 70;
const WITHIN_MS = 60_000;
let prefixes = 0;

export async function makeHistory(store: StoreConfig): Promise<History> {
  const plans = newDirectory();
  try {
    await buildPlans(plans, PLANS);
    const { directory, origin } = await copyProject(plans, store);
    const runtime = new FaultyRuntime({ directory, env: {}, edits: TUNING });
    const feeder = new Feeder(origin, directory);
    runtime.start("history");
    let isSent = false;
    const sending = feeder.send(REQUESTS).then(() => {
      isSent = true;
    });
    // A feeder asks again for ever: where the runtime has ended, nobody answers.
    try {
      if (!(await runtime.until(() => isSent, WITHIN_MS))) {
        throw new Error(`The runtime that makes the history does not take it:\n${runtime.weir.log()}`);
      }
    } finally {
      if (!isSent) await feeder.end();
    }
    await sending;
    await runtime.caughtUp(WITHIN_MS, {
      "bank/transfers": feeder.sent.transfers.length,
      "bank/owners": feeder.sent.owners.length,
    });
    await runtime.weir.stop();
    return { directory, store, sent: feeder.sent };
  } finally {
    removeDirectory(plans);
  }
}

export async function copyHistory(history: History): Promise<Copy> {
  const { store } = history;
  const own = store.kind === "s3" ? { ...store, prefix: newPrefix() } : store;
  if (store.kind === "s3" && own.kind === "s3") await copyObjects(store, own);
  const copy = await copyProject(history.directory, own);
  return { ...copy, dataDir: join(copy.directory, ".weir"), store: own };
}

export function s3Store({ s3 }: Servers): StoreConfig {
  return { kind: "s3", endpoint: s3.endpoint, bucket: s3.bucket, prefix: newPrefix() };
}

function newPrefix(): string {
  return `round-${process.pid}-${prefixes++}`;
}

async function copyObjects(from: S3Config, to: S3Config): Promise<void> {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const client = new S3Client({
    endpoint: from.endpoint,
    forcePathStyle: true,
    region: "us-east-1",
    credentials,
  });
  try {
    // A history has fewer objects than a page of the listing.
    const { Contents = [] } = await client.send(
      new ListObjectsV2Command({ Bucket: from.bucket, Prefix: `${from.prefix}/` }),
    );
    for (const { Key = "" } of Contents) {
      const target = { Bucket: to.bucket, Key: to.prefix + Key.slice(from.prefix.length) };
      await client.send(
        new CopyObjectCommand({ ...target, CopySource: `${from.bucket}/${encodeURIComponent(Key)}` }),
      );
    }
  } finally {
    client.destroy();
  }
}
