import { capture } from "weir";
import { files } from "weir/files";
import { http } from "weir/http";
import { z } from "zod";
import { delaysByDay, flight, table } from "./flight.ts";

/** The years up to now, as files. The rows have no key of their own: file and row are theirs. */
export const history = capture("flights/history", files({ path: "data/flights-*.ndjson.gz" }), {
  schema: flight.extend({ file: z.string(), row: z.int() }),
  key: ["file", "row"],
  provenance: { file: "file", row: "row" },
});

/** What arrives now. */
export const live = capture("flights/live", http({ path: "/flights" }), {
  schema: flight.extend({ id: z.string() }),
  key: ["id"],
});

export const historyDelays = delaysByDay(history, "delays/history");
export const liveDelays = delaysByDay(live, "delays/live");

historyDelays.materializeTo(table("delays_history"));
liveDelays.materializeTo(table("delays_live"));
