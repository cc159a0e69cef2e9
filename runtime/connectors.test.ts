import { expect, it } from "vitest";
import { captureDriver, captureTraits, requireMaterializationDriver } from "./connectors.ts";

it.each(["files", "http"])("knows of %s what its driver says", async (connector) => {
  const [traits, driver] = [await captureTraits(connector, "/"), await captureDriver(connector, "/")];
  expect(traits.thread).toBe(driver.thread);
  for (const config of [{}, { watch: true }, { watch: false }]) {
    expect(traits.bounded(config)).toBe(driver.bounded(config));
  }
});

it("refuses a target whose package is not there", async () => {
  await requireMaterializationDriver("postgres", "/");
  await expect(requireMaterializationDriver("weir-nothing", "/")).rejects.toThrow(
    /^Weir cannot materialize to "weir-nothing".* Run npm install weir-nothing/,
  );
});
