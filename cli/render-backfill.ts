/** What a back-fill touches, as text. */
import type { BackfillReport } from "../runtime/backfill/backfill.ts";
import { onStdout } from "./paint.ts";
import { number } from "./render-status.ts";

/** Journals that are listed; of more, their number. */
const MOST_LISTED = 10;

export function renderBackfill(report: BackfillReport): string {
  const { target, collection, kind, reads, readers } = report;
  const { documents, fragments, storedBytes, headBytes, time, journals } = reads;
  const rows: [string, string][] = [
    ["target", `${target}: ${WHAT[kind]}`],
    ["readers", readers],
    ["reads", `${number(documents)} documents of ${collection}`],
    [
      "bytes",
      `${megabytes(storedBytes)} in ${number(fragments)} fragments, ${megabytes(headBytes)} in the head`,
    ],
    ["time", time === null ? "none" : `${time.first} to ${time.last}`],
    ...journals
      .slice(0, MOST_LISTED)
      .map(({ partition, from, to }): [string, string] => [
        "journal",
        `${partition} from ${number(from)} to ${number(to)}`,
      ]),
  ];
  if (journals.length > MOST_LISTED) rows.push(["", `and ${number(journals.length - MOST_LISTED)} more`]);
  return rows.map(([name, value]) => `${onStdout.dim(name.padEnd(8))}${value}\n`).join("");
}

const WHAT: Readonly<Record<BackfillReport["kind"], string>> = {
  emptied: "all its rows go, and come back from history",
  "re-applied": "its rows stay, and documents are applied to them again",
  rewritten: "its rows from there on go, and come back",
};

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toLocaleString("en-US", { maximumFractionDigits: 1 })} MB`;
}
