// The helper itself: what the other tests of the system rely on.
import { expect, test } from 'vitest'
import { containersImpossible, startSystem } from './container.ts'

test.skipIf(containersImpossible() !== null)(
  'a Debian boots, keeps its files over a reboot, and is gone afterwards',
  async () => {
    await using system = await startSystem({ packages: [] })
    await system.run('cat > /etc/told', { input: 'kept' })
    expect(await system.attempt('exit 3')).toMatchObject({ status: 3 })
    await system.reboot()
    expect(await system.run('cat /etc/told; systemctl is-system-running')).toBe('keptrunning\n')
  },
)
