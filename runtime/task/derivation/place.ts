/** The document that a task cannot get past. */
import { HaltError } from "../../../connectors/driver.ts";
import type { Head, JournalId } from "../../head/head.ts";
import { partitionPath } from "../../journal/logical-partition.ts";

export interface Place {
  readonly collection: string;
  readonly journal: JournalId;
  readonly offset: number;
}

/** What is wrong with a document, or with what a function made of it, before the place is put into words. */
export class DocumentError extends Error {
  readonly place: Place;
  /** The whole message, given the words for the place. */
  readonly describe: (place: string) => string;
  /** What is wrong, without place and remedy, and whose stack tells where. */
  readonly reason: { readonly what: string; readonly stack: string | undefined };

  constructor(place: Place, describe: (place: string) => string, reason: DocumentError["reason"]) {
    super(describe(`offset ${place.offset} of ${place.journal}`));
    this.place = place;
    this.describe = describe;
    this.reason = reason;
  }
}

/** The message that a person gets, with the command that shows the document. */
export async function haltOf({ place, describe }: DocumentError, head: Head): Promise<HaltError> {
  const { collection, journal: id, offset } = place;
  const journals = (await head.journals()).filter((journal) => journal.collection === collection);
  const journal = journals.find((each) => each.id === id);
  const option = journals.length > 1 && journal ? ` --partition ${partitionPath(journal)}` : "";
  return new HaltError(
    describe(
      `the document at offset ${offset} of "${collection}" (weir read ${collection}${option} --from ${offset} --limit 1)`,
    ),
  );
}
