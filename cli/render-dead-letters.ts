/** Dead letters for people. Pure: from values to text. */
import type { LetterList, ShownLetter } from "../runtime/deadletters/desk.ts";
import { isRowPlace, type Letter } from "../runtime/deadletters/letter.ts";
import { onStdout } from "./paint.ts";
import { cut, number, table } from "./render-status.ts";

const SHORT_HASH = 12;

/** `named`: of several tasks. `columns` cuts lines on a terminal; undefined leaves them whole. */
export function renderLetters({ letters, total }: LetterList, named: boolean, columns?: number): string {
  if (letters.length === 0) return "no dead letters\n";
  const rows = letters.map(({ task, id, place, at, planHash, message }) => [
    ...(named ? [task] : []),
    id,
    placeOf(place),
    `${at.slice(0, 19)}Z`,
    planHash.slice(0, SHORT_HASH),
    message.split("\n")[0] ?? "",
  ]);
  const lines = table([...(named ? ["task"] : []), "id", "place", "set aside", "plan", "error"], rows);
  const more = total - letters.length;
  if (more > 0) lines.push(`and ${number(more)} more (--limit ${total})`);
  return `${lines.map((line) => cut(line, columns)).join("\n")}\n`;
}

export function renderLetter(task: string, letter: ShownLetter): string {
  const { id, place, at, planHash, error, change, original } = letter;
  const lines = [
    `${id} of ${task}, set aside ${at}`,
    `place  ${placeOf(place)}${isRowPlace(place) ? "" : `, of ${place.at}`}`,
    `plan   ${planHash}`,
    `error  ${onStdout.red(error.message)}`,
    ...error.stack.map((line) => onStdout.dim(`         ${line}`)),
    ...(change ? ["change", JSON.stringify(change, undefined, 2)] : []),
    "original",
    typeof original === "string" ? original : JSON.stringify(original, undefined, 2),
  ];
  return `${lines.join("\n")}\n`;
}

function placeOf(place: Letter["place"]): string {
  if (isRowPlace(place)) {
    return `${place.file}, row ${place.row}${place.line === undefined ? "" : ` (line ${place.line})`}`;
  }
  return `${place.collection} ${place.partition}, offset ${place.offset}`;
}
