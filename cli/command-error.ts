import type { DiagnosticCode } from "../compiler/diagnostics/registry.ts";

/** Ends a command with exit code 1 and this message, which ends with the code if there is one to be explained. */
export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(message: string, code?: DiagnosticCode) {
    super(code === undefined ? message : `${message} (${code})`);
  }
}
