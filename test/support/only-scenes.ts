// The second step of .ci/run: of the files that lie elsewhere than in test/scenes only those tests that carry the tag.
import { beforeEach } from 'vitest'

beforeEach(({ task, skip }) => {
  if (!task.file.name.startsWith('test/scenes/') && !task.tags?.includes('scene')) skip()
})
