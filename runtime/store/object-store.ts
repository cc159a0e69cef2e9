/** What is asked of the place where fragments live: a directory or an S3 bucket behind one small interface. */

export interface StoredObject {
  readonly key: string;
  /** In bytes, as stored. */
  readonly size: number;
}

export interface ListOptions {
  /** Only keys that sort after this one, by their UTF-8 bytes. */
  readonly after?: string;
}

export interface ObjectStore {
  /** For people: where it is. Holds no secret. */
  readonly description: string;
  /**
   * Stores an object. Durable, and seen by `list`, once it resolves. Putting the same bytes under the same
   * key again is harmless. The bytes are not looked at any more once it resolves. Rejects with `StoreError`.
   */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** The whole object, in bytes that are the caller's. Rejects with `ObjectNotFoundError`, or `StoreError`. */
  get(key: string): Promise<Uint8Array>;
  /** Every object whose key begins with `prefix` (any string, not only a folder), in the order of the keys' UTF-8 bytes. */
  list(prefix: string, options?: ListOptions): AsyncIterable<StoredObject>;
  /** Deletes objects; one that is not there is no error. */
  delete(keys: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** The values of a bucket's configuration; references to the environment are already resolved. */
export interface S3Config {
  readonly bucket: string;
  /** Put before every key; a `/` is added where it has none. */
  readonly prefix?: string | undefined;
  /** Default `us-east-1`. */
  readonly region?: string | undefined;
  /** URL of a server that speaks the S3 protocol. Default: AWS. */
  readonly endpoint?: string | undefined;
  /** `https://host/bucket/key` in place of `https://bucket.host/key`. */
  readonly pathStyle?: boolean | undefined;
  /** Both or neither; without them the AWS SDK's own chain of providers is asked. */
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
}

export type StoreConfig = { readonly directory: string } | { readonly s3: S3Config };

/** The store did not do what it was asked. */
export class StoreError extends Error {
  override readonly name: string = "StoreError";
  /** True if the same call may succeed later; false if a person must change something first. */
  readonly transient: boolean;

  constructor(message: string, options: ErrorOptions & { readonly transient: boolean }) {
    super(message, options);
    this.transient = options.transient;
  }
}

/** There is no such object: it was never put, or it has been deleted since it was listed. */
export class ObjectNotFoundError extends StoreError {
  override readonly name: string = "ObjectNotFoundError";
  readonly key: string;

  constructor(key: string, store: string) {
    super(`There is no object ${key} in ${store}.`, { transient: false });
    this.key = key;
  }
}

/**
 * Refuses keys that one of the stores could not hold, or would read as another key: an empty, `.` or `..`
 * segment, a segment in the namespace of temporary files, a NUL.
 */
export function checkKey(key: string): void {
  const bad = key
    .split("/")
    .some((part) => part === "" || part === "." || part === ".." || part.startsWith(TEMPORARY_PREFIX));
  if (bad || key.includes("\0") || key.includes("\\")) {
    throw new StoreError(
      `The key ${JSON.stringify(key)} cannot be stored: use non-empty names joined by "/".`,
      {
        transient: false,
      },
    );
  }
}

/** Begins the names of files that are still being written. No key has a segment that begins so. */
export const TEMPORARY_PREFIX = ".weir-";
