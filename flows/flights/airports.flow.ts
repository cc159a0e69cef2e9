import { capture, derive, env } from "weir";
import { files } from "weir/files";
import { pg } from "weir/postgres";
import { z } from "zod";
import { historyDelays, liveDelays } from "./flights.flow.ts";

/** Where the airports are. */
export const places = capture("airports/places", files({ path: "data/airports.csv" }), {
  schema: z.object({
    iata: z.string(),
    name: z.string(),
    city: z.string(),
    state: z.string(),
    country: z.string(),
    latitude: z.number(),
    longitude: z.number(),
  }),
  key: ["iata"],
});

const Delays = z.object({ airport: z.string(), flights: z.int(), delayMinutes: z.int(), worst: z.int() });

/**
 * Both lanes in one. What a lane appends are parts of its sums, and they are added up here in whatever order they come:
 * no state, and no need to read the lanes reduced.
 */
export const delays = derive("airports/delays", {
  from: { history: historyDelays.by("airport"), live: liveDelays.by("airport") },
  schema: Delays,
  key: ["airport"],
  reduce: { flights: "sum", delayMinutes: "sum", worst: "max" },
  on: {
    history: ({ airport, flights, delayMinutes, worst }) => ({ airport, flights, delayMinutes, worst }),
    live: ({ airport, flights, delayMinutes, worst }) => ({ airport, flights, delayMinutes, worst }),
  },
});

const Place = z.object({ name: z.string(), city: z.string(), state: z.string() });

/**
 * A join. The state keeps the newest of each side, and either side gives the whole row as soon as both are there: the
 * last row of an airport is the same, whichever came first.
 */
export const airports = derive("airports/all", {
  from: { delays: delays.reduced().by("airport"), places: places.by("iata") },
  schema: Delays.extend(Place.shape),
  key: ["airport"],
  state: { schema: z.object({ delays: Delays.optional(), place: Place.optional() }), initial: {} },
  on: {
    delays({ after }, { state }) {
      state.delays = after;
      return state.delays && state.place ? { ...state.delays, ...state.place } : undefined;
    },
    places({ name, city, state: code }, { state }) {
      state.place = { name, city, state: code };
      return state.delays ? { ...state.delays, ...state.place } : undefined;
    },
  },
});

type Bracket = "early" | "under 5" | "under 10" | "10 and more";

function bracketOf({ delayMinutes, flights }: { delayMinutes: number; flights: number }): Bracket {
  const mean = delayMinutes / flights;
  return mean < 0 ? "early" : mean < 5 ? "under 5" : mean < 10 ? "under 10" : "10 and more";
}

/**
 * How many airports of each state are how late on average, in minutes. An airport's mean moves with every flight, so
 * each row of before is taken back: only the reduced document knows it.
 */
export const brackets = airports.reduced().derive("airports/brackets", {
  schema: z.object({
    state: z.string(),
    bracket: z.enum(["early", "under 5", "under 10", "10 and more"]),
    airports: z.int(),
  }),
  key: ["state", "bracket"],
  reduce: { airports: "sum" },
  *transform({ before, after }) {
    if (before) yield { state: before.state, bracket: bracketOf(before), airports: -1 };
    if (after) yield { state: after.state, bracket: bracketOf(after), airports: 1 };
  },
});

const url = env("DATABASE_URL");

airports.materializeTo(
  pg({
    url,
    table: "airports",
    columns: {
      airport: { name: "iata", type: "varchar" },
      delayMinutes: { name: "delay_minutes", type: "numeric" },
      worst: { name: "worst_minutes" },
    },
  }),
);
brackets.materializeTo(pg({ url, table: "airport_brackets" }));
/** Each change with its time: what a chart of the brackets over the day is drawn from. */
brackets.materializeTo(pg({ url, table: "airport_brackets_log", mode: "delta" }));
