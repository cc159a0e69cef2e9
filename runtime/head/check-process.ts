/** A process of its own that reads a head's file and ends: LMDB answers some damage by ending the process. */
import { EmbeddedHead } from "./embedded-head.ts";

const [, , directory = ""] = process.argv;
try {
  await new EmbeddedHead(directory).close();
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
