// A small disk of its own for the data directory, which can be full: a tmpfs that is made as small as what lies on it. Without the right to
// mount there is none.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, statfsSync } from 'node:fs'

export interface Disk extends AsyncDisposable {
  /** No more than `leftBytes` can be written from now on. */
  fill(leftBytes: number): void
  free(): void
}

const wholeSize = '2g'

/** Mounts it at the directory; undefined where that is not allowed. */
export function mountDisk(directory: string): Disk | undefined {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const mount = (...options: string[]) => execFileSync('mount', options, { stdio: ['ignore', 'ignore', 'ignore'] })
  try {
    mount('-t', 'tmpfs', '-o', `size=${wholeSize},mode=0700`, 'letterlock-chaos', directory)
  } catch {
    return undefined
  }
  return {
    fill(leftBytes) {
      const { blocks, bfree, bsize } = statfsSync(directory)
      const bytes = (blocks - bfree) * bsize + leftBytes
      mount('-o', `remount,size=${Math.ceil(bytes / 4096) * 4}k`, directory)
    },
    free: () => void mount('-o', `remount,size=${wholeSize}`, directory),
    async [Symbol.asyncDispose]() {
      unmountDisk(directory)
    },
  }
}

/** Nothing happens where nothing is mounted. */
export function unmountDisk(directory: string): void {
  spawnSync('umount', ['-l', directory], { stdio: 'ignore' })
}
