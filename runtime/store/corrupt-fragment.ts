import { HaltError } from "../../connectors/driver.ts";

/** A fragment is not what its name says. Who reads it halts: repeating does not mend it. */
export class CorruptFragmentError extends HaltError {
  override readonly name: string = "CorruptFragmentError";
  readonly key: string;

  constructor(key: string, reason: string, options?: ErrorOptions) {
    super(
      `The fragment ${key} is damaged: ${reason}. Put the object back from a backup or an earlier version, then start the task again.`,
      options,
    );
    this.key = key;
  }
}
