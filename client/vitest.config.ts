import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.{ts,tsx}"],
    globalSetup: "test/global-setup.ts",
    // Real processes start in these tests, and the machine may be busy.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
