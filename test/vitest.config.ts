import { globSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { TimeTable } from './support/time-table.ts'

const root = path.resolve(import.meta.dirname, '..')

/** The quick part of what needs no server: `npm run test:unit` runs these alone, in a few seconds. */
const unit = ['test/{parse,thread,vault,schedule,fetch,cli,poll,observe}/**/*.unit.test.ts', 'test/*.test.ts']
const withoutServers = process.env.TEST_SERVERS === 'none'

/** What takes minutes: `npm run test:scenes` runs these alone, `npm run test:long` with all others. */
const scenes = 'test/scenes/**/*.test.ts'
const onlyScenes = process.env.TEST_SCENES !== undefined
/** Dear tests among others carry the tag: `npm test` leaves them out, `npm run test:scenes` finds their files here. */
const sceneTag = { name: 'scene', description: 'takes long; npm run test:scenes' }
const withTag = globSync('test/**/*.test.ts', { cwd: root }).filter(file =>
  /tags: \['scene'\]|@module-tag scene/.test(readFileSync(path.join(root, file), 'utf8')),
)
/** What boots a Debian of its own: `npm run test:system` runs these alone, one after another. */
const system = 'test/system/**/*.test.ts'
const onlySystem = process.env.TEST_SYSTEM !== undefined
/** What runs on other database servers and relatives of Redis, which are downloaded once: `npm run test:servers` runs these alone. */
const servers = 'test/servers/**/*.test.ts'
const onlyServers = process.env.TEST_SERVERS_MATRIX !== undefined

/** What takes longest, most of it waiting, is begun first: else the end of the run waits for it alone. */
const longest = [
  '/chaos.test.ts',
  '/forensics.test.ts',
  'test/flow/restore.test.ts',
  '/outages.test.ts',
  '/sealing-kills.test.ts',
]

const only = onlySystem ? [system] : onlyServers ? [servers] : onlyScenes ? [scenes, ...withTag] : undefined

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLongest = ({ moduleId }: TestSpecification): boolean => longest.some(name => moduleId.endsWith(name))
    const sorted = await super.sort(files)
    return [...sorted.filter(isLongest), ...sorted.filter(file => !isLongest(file))]
  }
}

export default defineConfig({
  test: {
    root,
    tags: [sceneTag],
    include: withoutServers ? unit : (only ?? ['test/**/*.test.ts']),
    exclude: [
      ...(onlySystem ? [] : [system]),
      ...(onlyServers ? [] : [servers]),
      ...(process.env.TEST_LONG ? [] : ['test/long/**', ...(onlyScenes ? [] : [scenes])]),
    ],
    pool: 'forks',
    // What one file has loaded the next one need not: a seventh of all the work.
    isolate: false,
    // Tests wait for servers more than they reckon: one more than there are processors.
    maxWorkers: onlySystem ? 1 : availableParallelism() + 1,
    sequence: { sequencer: LongestFirst },
    // Commands are started hundreds of times: they find their code compiled.
    env: { NODE_COMPILE_CACHE: new URL('../node_modules/.cache/letterlock-tests', import.meta.url).pathname },
    setupFiles: ['test/support/processor-time.ts', ...(onlyScenes ? ['test/support/only-scenes.ts'] : [])],
    reporters: ['default', new TimeTable()],
    // For tests that hang; how quick a machine is decides nothing.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    ...(withoutServers || onlySystem ? {} : { globalSetup: ['test/support/global-setup.ts'] }),
  },
})
