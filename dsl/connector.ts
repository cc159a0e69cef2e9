/**
 * What a connector's typed constructor gives to a flow: a frozen description, in JSON, of an outside
 * source or target. It opens nothing; the runtime loads the driver that `connector` names.
 */
import type { EnvReference } from "./env.ts";
import { frozenJson } from "./json.ts";

/** JSON that may hold `env("NAME")`. */
export type ConfigValue =
  | null
  | boolean
  | number
  | string
  | EnvReference
  | readonly ConfigValue[]
  | { readonly [name: string]: ConfigValue | undefined };

export type TargetMode = "standard" | "delta";

/** What a connector promises, printed in the plan. */
export interface Guarantee {
  readonly delivery: "exactly-once" | "at-least-once";
  /** One sentence: what makes the promise true, and its condition if it has one. */
  readonly mechanism: string;
}

export interface ConnectorDescription {
  /** The connector's name: `http`, `files`, `postgres`, `redis`. */
  readonly connector: string;
  readonly config: { readonly [name: string]: ConfigValue | undefined };
  /** The source's or target's name within its system: the path, the table, the key template. */
  readonly resource: string;
  readonly guarantee: Guarantee;
}

/** What a source knows of each document besides the document: name and type, as `{ file: "string", row: "integer" }`. */
export interface Provenance {
  readonly [name: string]: "string" | "integer";
}

/**
 * Where a capture reads from. `P` is what it can put into fields of the documents; the flow says into
 * which ones in its `capture`, whose configuration then has `provenance`: field by name.
 *
 * (A source's own options cannot be typed against the collection: TypeScript types `files(…)` before it
 * looks at the schema beside it, and keeps what it found.)
 */
export interface Source<P extends Provenance = {}> extends ConnectorDescription {
  readonly kind: "source";
  /** Exists in types only. */
  readonly "~provenance"?: P;
}

/**
 * Where a materialization writes to. `D` is the collection's document, `K` its key's paths and `X` its
 * fractional fields: a constructor `make<D, K extends readonly string[], X extends string>(options:
 * Options<NoInfer<D>, NoInfer<K>>): Target<D, K, X>` learns them from `materializeTo`.
 */
export interface Target<
  D = unknown,
  K extends readonly string[] = readonly string[],
  X extends string = string,
> extends ConnectorDescription {
  readonly kind: "target";
  /** `standard`, the default, keeps a row per key, fully reduced; `delta` adds a row per document, as it was appended. */
  // Optional, so that of a source, passed as a target, `kind` is what an error names.
  readonly mode?: TargetMode;
  /** Exists in types only. */
  readonly "~collection"?: (document: D, key: K, fractional: X) => void;
}

/** @throws Error if the configuration is not JSON. */
export function source<P extends Provenance = {}>(description: ConnectorDescription): Source<P> {
  return Object.freeze({ kind: "source", ...frozen(description) });
}

/**
 * @param description its `mode` is `standard` by default
 * @throws Error if the configuration is not JSON.
 */
export function target(description: ConnectorDescription & { readonly mode?: TargetMode }): Target {
  const { mode = "standard" } = description;
  return Object.freeze({ kind: "target", mode, ...frozen(description) });
}

function frozen({ connector, config, resource, guarantee }: ConnectorDescription): ConnectorDescription {
  return {
    connector,
    config: frozenJson(config, `${connector}(…)`),
    resource,
    guarantee: Object.freeze({ ...guarantee }),
  };
}
