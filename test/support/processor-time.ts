// Notes the processor time of each test file for the table at the end of a run.
import { afterAll, beforeAll } from 'vitest'
import { processorSeconds } from './process-times.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** Seconds of this process and of the children that it has waited for. */
    processorSeconds?: number
  }
}

let before = 0
beforeAll(() => {
  before = processorSeconds()
})
// Hooks of a setup file frame those of the test file: what that one closes has ended by now.
// biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern which fixtures a hook wants.
afterAll(({}, { file }) => {
  file.meta.processorSeconds = processorSeconds() - before
})
