import { type Source, source } from "../../dsl/connector.ts";

export type FileFormat = "ndjson" | "json" | "csv";

export interface FilesOptions {
  /** A glob, relative to `weir.config.ts`: `data/*.ndjson.gz`. Files whose name ends in `.gz` are unpacked. */
  readonly path: string;
  /** One document a line, one array of documents, or rows under a header. Default: by the extension before `.gz`. */
  readonly format?: FileFormat;
  /** Whether to wait for new files and new rows at the end of known ones. Default false: the capture ends. */
  readonly watch?: boolean;
}

/** The file's path, relative to the glob's fixed part, with `/` between folders; and the row's number in it, from 0. */
export type FilesProvenance = { readonly file: "string"; readonly row: "integer" };

/**
 * Reads the documents of all files that a glob matches, in the order of their names. `capture` can put
 * each document's file and row into fields of its schema: `provenance: { file: "file", row: "row" }`.
 * @throws Error if the path is empty or the format is unknown.
 */
export function files(options: FilesOptions): Source<FilesProvenance> {
  const { path, format, watch = false } = options;
  if (typeof path !== "string" || path === "") {
    throw new Error('files: the path is empty. Give a glob, as in "data/*.ndjson.gz".');
  }
  if (format !== undefined && !["ndjson", "json", "csv"].includes(format)) {
    throw new Error(`files: "${format}" is not a format. Use "ndjson", "json" or "csv".`);
  }
  return source<FilesProvenance>({
    connector: "files",
    config: { path, format, watch },
    resource: path,
    guarantee: {
      delivery: "exactly-once",
      mechanism:
        "The cursor, file and row, is committed in one transaction with the documents; on condition that rows " +
        "already read are not changed, moved or renamed.",
    },
  });
}
