import fc from "fast-check";
import { expect, it } from "vitest";
import { Turns } from "./turns.ts";

const settle = () => new Promise((resolve) => setImmediate(resolve));

it("lets lines take turns, so that a busy one holds up no other", async () => {
  const turns = new Turns(1);
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const enter = (line: string, name: string) =>
    void turns.take(line, 1).then((end) => {
      begun.push(name);
      ends.push(end);
    });
  for (let i = 0; i < 5; i++) enter("busy", `busy ${i}`);
  enter("quiet", "quiet 0");
  for (let i = 0; i < 6; i++) {
    await settle();
    ends.shift()?.();
  }
  expect(begun).toEqual(["busy 0", "busy 1", "quiet 0", "busy 2", "busy 3", "busy 4"]);
});

it("never has more than the limit at work, except what is larger and goes alone; keeps each line's order, and starves none", async () => {
  const job = fc.record({ line: fc.constantFrom("a", "b", "c"), bytes: fc.integer({ min: 1, max: 14 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(job, { maxLength: 40 }), fc.scheduler(), async (jobs, scheduler) => {
      const turns = new Turns(10);
      let used = 0;
      let atWork = 0;
      const begun = new Map<string, number[]>();
      const all = jobs.map(async ({ line, bytes }, index) => {
        const end = await turns.take(line, bytes);
        used += bytes;
        atWork++;
        begun.set(line, [...(begun.get(line) ?? []), index]);
        if (used > 10) expect(atWork).toBe(1);
        await scheduler.schedule(Promise.resolve());
        used -= bytes;
        atWork--;
        end();
      });
      await scheduler.waitFor(Promise.all(all));
      for (const indexes of begun.values()) expect(indexes).toEqual(indexes.toSorted((a, b) => a - b));
      expect([...begun.values()].flat()).toHaveLength(jobs.length);
    }),
  );
});
