import { type Collection, env } from "weir";
import { pg } from "weir/postgres";
import { z } from "zod";

/** A US domestic flight, as the Bureau of Transportation Statistics reports it. */
export const flight = z.object({
  departed: z.iso.datetime(),
  /** Minutes late on arrival; negative where it was early. */
  delay: z.int(),
  /** Miles. */
  distance: z.int(),
  origin: z.string(),
  destination: z.string(),
});
export type Flight = z.infer<typeof flight>;

/** How late the flights of each airport and day were. */
export function delaysByDay(flights: Collection<Flight>, name: string) {
  return flights.derive(name, {
    schema: z.object({
      airport: z.string(),
      day: z.iso.date(),
      flights: z.int(),
      delayMinutes: z.int(),
      worst: z.int(),
      best: z.int(),
      firstTo: z.string(),
      lastTo: z.string(),
    }),
    key: ["airport", "day"],
    reduce: {
      flights: "sum",
      delayMinutes: "sum",
      worst: "max",
      best: "min",
      firstTo: "first",
      lastTo: "last",
    },
    transform: (flight) => ({
      airport: flight.origin,
      day: flight.departed.slice(0, 10),
      flights: 1,
      delayMinutes: flight.delay,
      worst: flight.delay,
      best: flight.delay,
      firstTo: flight.destination,
      lastTo: flight.destination,
    }),
  });
}

/** How late each route is, and how often by more than an hour. */
export function routes(flights: Collection<Flight>, name: string) {
  return flights.derive(name, {
    schema: z.object({
      from: z.string(),
      to: z.string(),
      miles: z.int(),
      flights: z.int(),
      delayMinutes: z.int(),
      overAnHour: z.int(),
    }),
    key: ["from", "to"],
    reduce: { flights: "sum", delayMinutes: "sum", overAnHour: "sum", miles: "max" },
    transform: (flight) => ({
      from: flight.origin,
      to: flight.destination,
      miles: flight.distance,
      flights: 1,
      delayMinutes: flight.delay,
      overAnHour: flight.delay > 60 ? 1 : 0,
    }),
  });
}

/** A table in the database that `DATABASE_URL` names. */
export function table(name: string) {
  return pg({ url: env("DATABASE_URL"), table: name });
}
