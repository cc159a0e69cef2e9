import type { EnvReference } from "./env.ts";

/** Where fragments, the collections' history, are kept. */
export type StoreConfig = DirectoryStoreConfig | S3StoreConfig;

export interface DirectoryStoreConfig {
  /** Relative to the configuration file. */
  readonly directory: string;
  readonly s3?: never;
}

export interface S3StoreConfig {
  readonly s3: {
    readonly bucket: string | EnvReference;
    /** Before every object's name, without slashes at its ends. Default: none. */
    readonly prefix?: string;
    /** Default: the one of the AWS environment or profile. */
    readonly region?: string | EnvReference;
    /** URL of an S3 that is not Amazon's. */
    readonly endpoint?: string | EnvReference;
    /** Puts the bucket into the path rather than the host name, as most other S3s want it. Default false. */
    readonly pathStyle?: boolean;
    /** Default: the credentials that the AWS SDK finds. Given with `secretAccessKey` or not at all. */
    readonly accessKeyId?: string | EnvReference;
    readonly secretAccessKey?: string | EnvReference;
  };
  readonly directory?: never;
}

/** What `weir.config.ts` exports as its default. Relative paths start from that file. */
export interface WeirConfig {
  /** Glob or globs of the flow files. Default: every `*.flow.ts` below `flows/`. */
  readonly flows?: string | readonly string[];
  /** Where the head, the recent end of all collections, is kept: a local disk. Default `.weir`. */
  readonly dataDir?: string;
  /** Default: the directory `store` inside `dataDir`. */
  readonly store?: StoreConfig;
  /** Where HTTP captures listen. */
  readonly http?: {
    /** Default `127.0.0.1`: this machine only. */
    readonly host?: string;
    /** Default 8080. */
    readonly port?: number;
    /**
     * Bytes of bodies that are received, checked or being stored at a time; a request that does not fit is answered 429.
     * Default 67,108,864 (64 MiB).
     */
    readonly maxInFlightBytes?: number;
    /** Seconds within which a request must have come whole. Default 60. */
    readonly requestTimeoutSeconds?: number;
  };
  /** When the head's documents are cut into a fragment: at whichever comes first. */
  readonly fragments?: {
    /** Bytes of NDJSON before compression. */
    readonly targetBytes?: number;
    /** Seconds that a document may stay in the head alone. */
    readonly maxAgeSeconds?: number;
  };
  /** What one task may take, so that it harms no other. */
  readonly limits?: {
    /** Seconds that a function of a flow may work on one document before its task is halted. Default 30. */
    readonly transformSeconds?: number;
    /** MB of objects that a task's thread may hold before it is started again. Default 2048. */
    readonly threadMemoryMb?: number;
  };
}

/** Types a project's configuration: `export default defineConfig({ … })` in `weir.config.ts`. */
export function defineConfig(config: WeirConfig): WeirConfig {
  return config;
}
