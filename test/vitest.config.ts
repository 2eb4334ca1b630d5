import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** The quick part of what needs no server: `npm run test:unit` runs these alone, in a few seconds. */
const unit = ['test/{parse,thread,vault,schedule,fetch,cli,poll}/**/*.unit.test.ts', 'test/*.test.ts']
const withoutServers = process.env.TEST_SERVERS === 'none'

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: withoutServers ? unit : ['test/**/*.test.ts'],
    exclude: process.env.TEST_LONG ? [] : ['test/long/**'],
    pool: 'forks',
    // Tests wait for servers more than they reckon: one more than there are processors.
    maxWorkers: availableParallelism() + 1,
    // Commands are started hundreds of times: they find their code compiled.
    env: { NODE_COMPILE_CACHE: new URL('../node_modules/.cache/letterlock-tests', import.meta.url).pathname },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    ...(withoutServers ? {} : { globalSetup: ['test/support/global-setup.ts'] }),
  },
})
