/** A diagnostic code, with a page of its own: no plan to read, a plan of another version, a bundle that is not the plan's. */
export type BuildErrorCode = "WEIR5001" | "WEIR5002" | "WEIR5003";

/** The directory holds no build, or one that this version of Weir cannot run. The message ends with the code. */
export class BuildError extends Error {
  override readonly name: string = "BuildError";
  readonly code: BuildErrorCode;

  constructor(code: BuildErrorCode, message: string, options?: ErrorOptions) {
    super(`${message} (${code})`, options);
    this.code = code;
  }
}
