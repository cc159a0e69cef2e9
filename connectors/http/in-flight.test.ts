import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InFlight, type Reservation } from "./in-flight.ts";

describe("what is under way", () => {
  it("never is more than the limit, except for one request alone; every path gets its own part; and all is given back", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("reserve"), path: fc.constantFrom("/a", "/b"), bytes: fc.nat(70) }),
      fc.record({ do: fc.constant("grow"), of: fc.nat(20), bytes: fc.nat(30) }),
      fc.record({ do: fc.constant("release"), of: fc.nat(20) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const inFlight = new InFlight(100, 2);
        /** The oracle: what each request holds. */
        const held: { path: string; bytes: number; reservation: Reservation }[] = [];
        const total = () => held.reduce((sum, { bytes }) => sum + bytes, 0);
        const of = (path: string) =>
          held.reduce((sum, each) => sum + (each.path === path ? each.bytes : 0), 0);
        for (const each of steps) {
          if (each.do === "reserve" && "path" in each) {
            const mustFit = total() === 0 || of(each.path) + each.bytes <= 25;
            const reservation = inFlight.reserve(each.path, each.bytes);
            if (mustFit) expect(reservation).toBeDefined();
            if (reservation) held.push({ path: each.path, bytes: each.bytes, reservation });
          } else if (each.do === "grow" && "of" in each && "bytes" in each) {
            const one = held[each.of];
            const alone = one !== undefined && total() === one.bytes;
            const grown = one?.reservation.grow(each.bytes);
            if (alone) expect(grown).toBe(true);
            if (one && grown) one.bytes += each.bytes;
          } else if ("of" in each) {
            const [one] = held.splice(each.of, 1);
            one?.reservation.release(false);
            one?.reservation.release(false); // a second time does nothing
          }
          expect(inFlight.bytes).toBe(total());
          if (total() > 100) {
            // Whoever came when nothing else was there may be larger; beside it there is only what paths have for themselves.
            const largest = Math.max(...held.map(({ bytes }) => bytes));
            expect(total() - largest).toBeLessThanOrEqual(50 + 50);
          }
        }
        for (const { reservation } of held) reservation.release(true);
        expect(inFlight.bytes).toBe(0);
      }),
    );
  });

  it("keeps a part for a path that another one would take", () => {
    const inFlight = new InFlight(100, 2);
    let busy = 0;
    while (inFlight.reserve("/busy", 5)) busy += 5;
    expect(busy).toBe(75);
    let quiet = 0;
    while (inFlight.reserve("/quiet", 5)) quiet += 5;
    expect(quiet).toBe(25);
  });

  it("lets one request be larger than all there is, when it comes alone", () => {
    const inFlight = new InFlight(10, 3);
    const large = inFlight.reserve("/a", 16);
    expect(large).toBeDefined();
    expect(inFlight.reserve("/a", 1)).toBeUndefined();
    expect(large?.grow(4)).toBe(true); // what is unpacked
    large?.release(true);
    expect(inFlight.reserve("/a", 1)).toBeDefined();
  });
});

describe("Retry-After", () => {
  it("is how long what is under way takes at the rate measured: from 1 to 60 s", () => {
    let now = 0;
    const inFlight = new InFlight(1000, 1, () => now);
    expect(inFlight.retryAfterSeconds()).toBe(5); // nothing was measured
    // 100 bytes a second.
    for (let second = 0; second < 30; second++) {
      now += 1000;
      inFlight.reserve("/a", 100)?.release(true);
    }
    expect(inFlight.retryAfterSeconds()).toBe(1); // nothing is under way
    inFlight.reserve("/a", 700);
    expect(inFlight.retryAfterSeconds()).toBeGreaterThanOrEqual(6);
    expect(inFlight.retryAfterSeconds()).toBeLessThanOrEqual(8);
    now += 40_000; // it has become slow
    expect(inFlight.retryAfterSeconds()).toBe(60);
    now += 600_000;
    expect(inFlight.retryAfterSeconds()).toBe(5); // too long ago to tell
  });

  it("counts what was stored, not what was refused", () => {
    let now = 0;
    const inFlight = new InFlight(1000, 1, () => now);
    now += 1000;
    inFlight.reserve("/a", 500)?.release(false);
    expect(inFlight.retryAfterSeconds()).toBe(5);
  });
});
