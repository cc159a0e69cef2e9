import { type CaptureContext, HaltError } from "../driver.ts";
import type { FoundFile } from "./find-files.ts";

export type FileFormat = "ndjson" | "json" | "csv";

/** What the flow asked for: the configuration that `index.ts` and `capture` write. */
export interface FilesConfig {
  readonly path: string;
  /** Undefined: by each file's extension. */
  readonly format: FileFormat | undefined;
  readonly watch: boolean;
  /** Names of the fields that take the file's name and the row's number. */
  readonly provenance: { readonly file: string | undefined; readonly row: string | undefined };
}

export function filesConfig({ task, config }: CaptureContext): FilesConfig {
  const { path, format, watch, provenance } = config;
  if (typeof path !== "string" || path === "") {
    throw new HaltError(`The capture ${task} has no path. Give files() a glob, as in "data/*.ndjson.gz".`);
  }
  if (format !== undefined && !isFormat(format)) {
    throw new HaltError(
      `The capture ${task} has the unknown format ${JSON.stringify(format)}. Use "ndjson", "json" or "csv".`,
    );
  }
  const fields =
    typeof provenance === "object" && provenance !== null && "file" in provenance
      ? provenance.file
      : undefined;
  const rows =
    typeof provenance === "object" && provenance !== null && "row" in provenance ? provenance.row : undefined;
  return {
    path,
    format,
    watch: watch === true,
    provenance: {
      file: typeof fields === "string" ? fields : undefined,
      row: typeof rows === "string" ? rows : undefined,
    },
  };
}

const BY_EXTENSION: Readonly<Record<string, FileFormat>> = {
  ndjson: "ndjson",
  jsonl: "ndjson",
  json: "json",
  csv: "csv",
};

export function formatOf({ format }: FilesConfig, file: FoundFile): FileFormat {
  if (format !== undefined) return format;
  const extension = file.name.toLowerCase().replace(/\.gz$/, "").split(".").at(-1) ?? "";
  const found = BY_EXTENSION[extension];
  if (found === undefined) {
    throw new HaltError(
      `${file.shown}: no format is known by the extension "${extension}". Set format to "ndjson", "json" or "csv".`,
    );
  }
  return found;
}

function isFormat(value: unknown): value is FileFormat {
  return value === "ndjson" || value === "json" || value === "csv";
}
