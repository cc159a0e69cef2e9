import { type Source, source } from "../../dsl/connector.ts";

export interface HttpOptions {
  /** The path that documents are posted to, on the host and port of `weir.config.ts`. */
  readonly path: `/${string}`;
}

/**
 * Takes documents over HTTP: `POST path` with one JSON document or with NDJSON. The answer is 200 only
 * once all of the request's documents are on disk; of a request with a bad document nothing is taken.
 * @throws Error if the path is not one.
 */
export function http(options: HttpOptions): Source {
  const { path } = options;
  if (typeof path !== "string" || !/^\/[^\s?#]*$/.test(path)) {
    throw new Error(
      `http: ${JSON.stringify(path)} is not a path. Begin it with "/", without query or spaces, as in "/orders".`,
    );
  }
  return source({
    connector: "http",
    config: { path },
    resource: path,
    guarantee: {
      delivery: "at-least-once",
      mechanism:
        "A request is answered only after all of its documents are on disk, in one transaction. Repeated with the " +
        "same Idempotency-Key it is stored once, while the key is among the newest 256; without one, once per repeat.",
    },
  });
}
