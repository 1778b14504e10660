import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'],
    // A hung wait must fail with the test's name, not with the CI's deadline.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: more workers only make the timings noisier.
    maxWorkers: 2,
  },
});
