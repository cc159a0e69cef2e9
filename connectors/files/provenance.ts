import type { Json, JsonObject } from "../../plan/plan.ts";
import type { FilesConfig } from "./config.ts";
import type { RowRules } from "./rows.ts";

/** Puts the file's name and the row's number into the fields that were asked for, whatever they held. */
export function provenance(fileName: string, fields: FilesConfig["provenance"]): RowRules["amend"] {
  const { file, row } = fields;
  if (file === undefined && row === undefined) return undefined;
  const fileJson = file === undefined ? "" : `${JSON.stringify(file)}:${JSON.stringify(fileName)}`;
  const rowJson = row === undefined ? "" : `${file === undefined ? "" : ","}${JSON.stringify(row)}:`;
  return (document, number) => {
    const replaces =
      (file !== undefined && Object.hasOwn(document, file)) ||
      (row !== undefined && Object.hasOwn(document, row));
    // It was parsed just now, and nobody else has it.
    const amended = document as Record<string, Json | undefined> & JsonObject;
    if (file !== undefined) amended[file] = fileName;
    if (row !== undefined) amended[row] = number;
    return {
      document: amended,
      added: replaces ? undefined : fileJson + (row === undefined ? "" : rowJson + number),
    };
  };
}
