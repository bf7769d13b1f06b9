import { defineConfig } from 'vitest/config'

// A crash of the native core must fail one file, not end the runner: forks, not threads.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // All cores: by default vitest leaves one free, which on two cores is half of them.
    maxWorkers: '100%',
    globalSetup: ['test/support/build.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
