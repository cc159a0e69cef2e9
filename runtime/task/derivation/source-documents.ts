/** What a derivation works on: documents of its sources, and those of them that are replayed. */
import { HaltError } from "../../../connectors/driver.ts";
import type { Json, JsonObject } from "../../../plan/plan.ts";
import { isRowPlace, type Letter } from "../../deadletters/letter.ts";
import type { SourceRun } from "../../journal/merged-reader.ts";
import { lineOf, RunDocuments } from "../../journal/runs.ts";
import type { DerivationTask } from "../task.ts";
import type { Place } from "./place.ts";
import type { ReducedChange } from "./reduced-documents.ts";

export interface SourceDocument {
  /** Index among the plan's sources. */
  readonly source: number;
  /** The worker's own: functions may write to it. */
  readonly document: JsonObject;
  readonly place: Place;
  /** Where it was read. */
  readonly run: SourceRun;
  /** Its offset there. */
  readonly offset: number;
  /** The letter that it was, where it is worked on once more. */
  readonly letter: Letter | undefined;
}

/** The change of a reduced document that a letter holds. */
export function changeOf({ letter }: SourceDocument): ReducedChange | undefined {
  if (letter?.change === undefined) return undefined;
  const { before, after } = letter.change;
  return { before, after };
}

/** The document as JSON, as it was before functions may have written to it. */
export function originalOf({ run, offset, letter }: SourceDocument): string {
  const line = lineOf(run.run, offset);
  // Written by `letterLine`.
  return letter === undefined ? line : JSON.stringify((JSON.parse(line) as Letter).original);
}

/** Each is made as it is worked on: what is made for one of many documents is soon forgotten. */
export interface SourceDocuments {
  readonly length: number;
  /** In their order, each once. */
  next(): SourceDocument;
}

/** Of a run, whose source may be the one after the plan's: the replays. */
export function documentsOf(task: DerivationTask, run: SourceRun): SourceDocuments {
  const { source, journal } = run;
  const { first } = run.run;
  const collection = task.plan.sources[source]?.collection;
  const parsed = new RunDocuments(run.run);
  let offset = first - 1;
  return {
    length: parsed.length,
    next() {
      const document = parsed.next();
      offset++;
      if (collection === undefined) {
        return replayed(task, document as unknown as Letter, run, offset); // written by `letterLine`
      }
      return { source, document, place: { collection, journal, offset }, run, offset, letter: undefined };
    },
  };
}

function replayed(task: DerivationTask, letter: Letter, run: SourceRun, offset: number): SourceDocument {
  const { place, original } = letter;
  const name = isRowPlace(place) ? undefined : place.source;
  const source = task.plan.sources.findIndex((each) => each.name === name);
  if (source < 0 || isRowPlace(place) || !isObject(original)) {
    throw new HaltError(
      `A replayed document of "${task.name}" is of the source "${name ?? place.collection}", which it does not have: declare that source again.`,
    );
  }
  const { collection, journal } = place;
  const own = { collection, journal, offset: place.offset };
  return { source, document: original, place: own, run, offset, letter };
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
