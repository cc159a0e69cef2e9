/** A store in an S3 bucket, AWS or any server that speaks the protocol. Loaded only when a bucket is configured. */
import type { ListObjectsV2CommandOutput, S3Client } from "@aws-sdk/client-s3";
import {
  checkKey,
  type ListOptions,
  ObjectNotFoundError,
  type ObjectStore,
  type S3Config,
  type StoredObject,
  StoreError,
} from "./object-store.ts";
import { explainS3Error } from "./s3-error.ts";

type Sdk = typeof import("@aws-sdk/client-s3");

/** How long a server is waited for, ms. A try that takes longer is given up and counted as one of the tries. */
export interface Patience {
  readonly connectMs: number;
  /** Without a byte in either direction. */
  readonly idleMs: number;
  /** Until the answer's head is there: a PUT of tens of MB over a slow line must fit. */
  readonly answerMs: number;
  /** For one operation with all its tries and its whole body: a server that lets bytes drip ends here. */
  readonly operationMs: number;
  readonly tries: number;
}

const PATIENCE: Patience = {
  connectMs: 5_000,
  idleMs: 30_000,
  answerMs: 120_000,
  operationMs: 300_000,
  tries: 4,
};
const PARALLEL_DELETES = 16;

export async function openS3Store(
  config: S3Config,
  probe: boolean,
  patience: Patience = PATIENCE,
): Promise<ObjectStore> {
  const place = describe(config);
  if ((config.accessKeyId === undefined) !== (config.secretAccessKey === undefined)) {
    throw new StoreError(`${place}: accessKeyId and secretAccessKey go together: give both or neither.`, {
      transient: false,
    });
  }
  const sdk = await import("@aws-sdk/client-s3");
  const client = createClient(sdk, config, patience);
  const store = new S3Store(sdk, client, config.bucket, folder(config.prefix), place, patience.operationMs);
  try {
    if (probe) await store.probe();
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

function createClient(sdk: Sdk, config: S3Config, patience: Patience): S3Client {
  const { accessKeyId, secretAccessKey } = config;
  return new sdk.S3Client({
    region: config.region ?? "us-east-1",
    ...(config.endpoint !== undefined && { endpoint: config.endpoint }),
    forcePathStyle: config.pathStyle ?? false,
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && { credentials: { accessKeyId, secretAccessKey } }),
    maxAttempts: patience.tries,
    requestHandler: {
      connectionTimeout: patience.connectMs,
      requestTimeout: patience.answerMs,
      throwOnRequestTimeout: true,
      socketTimeout: patience.idleMs,
    },
    // The SDK's own CRC32 headers and trailers are refused by many servers that are not AWS. The signature covers
    // the SHA-256 of the body in any case, and a fragment carries its own checksums.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
}

class S3Store implements ObjectStore {
  readonly description: string;
  readonly #sdk: Sdk;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #operationMs: number;

  constructor(
    sdk: Sdk,
    client: S3Client,
    bucket: string,
    prefix: string,
    description: string,
    operationMs: number,
  ) {
    this.#sdk = sdk;
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.description = description;
    this.#operationMs = operationMs;
  }

  /** A listing, since its errors come with a reason in the body, which those of HeadBucket do not. */
  async probe(): Promise<void> {
    const request = new this.#sdk.ListObjectsV2Command({
      Bucket: this.#bucket,
      Prefix: this.#prefix,
      MaxKeys: 1,
    });
    checkListing(
      await this.#try("be listed", (within) => this.#client.send(request, within)),
      this.description,
    );
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    checkKey(key);
    const request = new this.#sdk.PutObjectCommand({
      Bucket: this.#bucket,
      Key: this.#prefix + key,
      Body: bytes,
      ContentLength: bytes.length,
    });
    await this.#try(`store ${key}`, (within) => this.#client.send(request, within));
  }

  async get(key: string): Promise<Uint8Array> {
    checkKey(key);
    const request = new this.#sdk.GetObjectCommand({ Bucket: this.#bucket, Key: this.#prefix + key });
    return this.#try(
      `read ${key}`,
      async (within) => {
        const { Body, ContentLength } = await this.#client.send(request, within);
        const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
        if (ContentLength !== undefined && bytes.length !== ContentLength) {
          throw new StoreError(
            `${this.description} sent ${bytes.length} of ${ContentLength} bytes of ${key}.`,
            {
              transient: true,
            },
          );
        }
        return bytes;
      },
      key,
    );
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<StoredObject> {
    let token: string | undefined;
    do {
      const request = new this.#sdk.ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: this.#prefix + prefix,
        ...(options.after !== undefined && { StartAfter: this.#prefix + options.after }),
        ...(token !== undefined && { ContinuationToken: token }),
      });
      const page = await this.#try(`list ${prefix}`, (within) => this.#client.send(request, within));
      checkListing(page, this.description);
      for (const { Key, Size } of page.Contents ?? []) {
        // "Folders" that a console has made are empty objects whose keys end in a slash.
        if (Key !== undefined && !Key.endsWith("/"))
          yield { key: Key.slice(this.#prefix.length), size: Size ?? 0 };
      }
      if (page.IsTruncated === true && page.NextContinuationToken === undefined) {
        throw new StoreError(`${this.description} cut a listing short without saying how to go on.`, {
          transient: true,
        });
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  /** One request per object: DeleteObjects needs a checksum header on which servers do not agree. */
  async delete(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += PARALLEL_DELETES) {
      await Promise.all(keys.slice(at, at + PARALLEL_DELETES).map((key) => this.#deleteOne(key)));
    }
  }

  async #deleteOne(key: string): Promise<void> {
    checkKey(key);
    const request = new this.#sdk.DeleteObjectCommand({ Bucket: this.#bucket, Key: this.#prefix + key });
    await this.#try(`delete ${key}`, (within) => this.#client.send(request, within));
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  async #try<T>(
    action: string,
    call: (within: { readonly abortSignal: AbortSignal }) => Promise<T>,
    key?: string,
  ): Promise<T> {
    try {
      return await call({ abortSignal: AbortSignal.timeout(this.#operationMs) });
    } catch (error) {
      if (error instanceof StoreError) throw error;
      if (key !== undefined && error instanceof Error && error.name === "NoSuchKey") {
        throw new ObjectNotFoundError(key, this.description);
      }
      throw explainS3Error(error, `${this.description} could not ${action}`, this.#bucket);
    }
  }
}

/** Another service's page, taken as XML, would look like an empty bucket: as if all fragments were gone. */
function checkListing(page: ListObjectsV2CommandOutput, store: string): void {
  if (page.IsTruncated !== undefined || page.KeyCount !== undefined || page.Name !== undefined) return;
  throw new StoreError(
    `${store} could not be listed: the answer is not S3's; check "endpoint": it may be another service.`,
    { transient: false },
  );
}

function folder(prefix: string | undefined): string {
  if (prefix === undefined || prefix === "") return "";
  checkKey(prefix.endsWith("/") ? prefix.slice(0, -1) : prefix);
  return prefix.endsWith("/") ? prefix : `${prefix}/`;
}

/** Without user name, password and query of the endpoint. */
function describe(config: S3Config): string {
  const place = `s3://${config.bucket}/${folder(config.prefix)}`;
  if (config.endpoint === undefined) return place;
  if (!URL.canParse(config.endpoint)) {
    throw new StoreError(`The endpoint of ${place} is not a URL: write it as https://host:port.`, {
      transient: false,
    });
  }
  return `${place} at ${new URL(config.endpoint).origin}`;
}
