// The network between a daemon and a server: TCP ports on loopback that carry to the server, until told to misbehave. What is silent or
// slow only waits, as packets that are sent again do; what is cut is reset on both sides.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

export interface Link extends AsyncDisposable {
  /** In the order of the targets. */
  readonly ports: readonly number[]
  /** Connections that were asked for so far, carried or not. */
  knocks(): number
  /** Resets every connection, and every new one for so long. Returns how many it was carrying. */
  cut(forMs: number): number
  /** Resets the connection that carries the byte after so many more; tells when it did. */
  cutWithin(fuse: Omit<Fuse, 'left'> & { bytes: number }): void
  /** Holds up every chunk. */
  delay(eachMs: number, forMs: number): void
  /** Takes connections and carries nothing for so long; then goes on, or resets those that waited. */
  silence(forMs: number, end: 'go on' | 'break'): void
  /** Carries again as it should, from now on. */
  mend(): void
}

/** Burns with the bytes that pass. */
interface Fuse {
  left: number
  /** `answers` come from the server. */
  side: 'questions' | 'answers'
  /** Only what comes in large pieces burns it: the middle of a mail. */
  bulk: boolean
  blown(): void
}

interface Pair {
  near: Socket
  far: Socket
}

interface State {
  knocks: number
  pairs: Set<Pair>
  closedUntil: number
  delayMs: number
  delayedUntil: number
  silentUntil: number
  fuse: Fuse | null
}

const bulkBytes = 1_000

export async function openLink(targets: readonly NetConnectOpts[]): Promise<Link> {
  const state: State = {
    knocks: 0,
    pairs: new Set(),
    closedUntil: 0,
    delayMs: 0,
    delayedUntil: 0,
    silentUntil: 0,
    fuse: null,
  }
  const servers = targets.map(target => createServer(near => carry(state, near, target)))
  for (const server of servers) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  }
  const breakAll = (): number => {
    const carried = [...state.pairs]
    for (const pair of carried) reset(state, pair)
    return carried.length
  }
  return {
    knocks: () => state.knocks,
    ports: servers.map(server => (server.address() as AddressInfo).port),
    cut(forMs) {
      state.closedUntil = performance.now() + forMs
      return breakAll()
    },
    cutWithin({ bytes, ...fuse }) {
      state.fuse = { ...fuse, left: bytes }
    },
    delay(eachMs, forMs) {
      state.delayMs = eachMs
      state.delayedUntil = performance.now() + forMs
    },
    silence(forMs, end) {
      const waiting = [...state.pairs]
      state.silentUntil = performance.now() + forMs
      if (end === 'go on') return
      setTimeout(() => {
        for (const pair of waiting) reset(state, pair)
      }, forMs).unref()
    },
    mend() {
      Object.assign(state, { closedUntil: 0, delayedUntil: 0, fuse: null })
    },
    async [Symbol.asyncDispose]() {
      for (const server of servers) server.close()
      breakAll()
    },
  }
}

function carry(state: State, near: Socket, target: NetConnectOpts): void {
  state.knocks += 1
  if (performance.now() < state.closedUntil) {
    near.on('error', () => {})
    near.resetAndDestroy()
    return
  }
  const pair: Pair = { near, far: connect(target) }
  state.pairs.add(pair)
  for (const socket of [pair.near, pair.far]) {
    socket.setNoDelay(true)
    socket.on('error', () => reset(state, pair))
    socket.on('close', () => reset(state, pair))
  }
  void pass(state, pair, 'questions')
  void pass(state, pair, 'answers')
}

/** One chunk after another, so that nothing overtakes what was held up. */
async function pass(state: State, pair: Pair, side: Fuse['side']): Promise<void> {
  const [from, to] = side === 'questions' ? [pair.near, pair.far] : [pair.far, pair.near]
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      await holdUp(state)
      if (!state.pairs.has(pair)) return
      if (burnsDown(state, chunk, side)) {
        to.write(chunk.subarray(0, state.fuse?.left ?? 0), () => reset(state, pair))
        state.fuse?.blown()
        state.fuse = null
        return
      }
      if (!to.write(chunk)) await once(to, 'drain')
    }
    to.end()
  } catch {
    reset(state, pair)
  }
}

async function holdUp(state: State): Promise<void> {
  if (performance.now() < state.delayedUntil) await wait(state.delayMs)
  for (let ms = silentMs(state); ms > 0; ms = silentMs(state)) await wait(ms)
}

const silentMs = ({ silentUntil }: State): number => silentUntil - performance.now()

/** True if the chunk is the one to be cut; `left` says where. */
function burnsDown({ fuse }: State, chunk: Buffer, side: Fuse['side']): boolean {
  if (fuse === null || fuse.side !== side || (fuse.bulk && chunk.length < bulkBytes)) return false
  if (fuse.left < chunk.length) return true
  fuse.left -= chunk.length
  return false
}

function reset(state: State, pair: Pair): void {
  if (!state.pairs.delete(pair)) return
  // The far side may be a unix socket, which knows no reset.
  pair.far.destroy()
  if (pair.near.destroyed) return
  // A socket that is about to end must not be reset: Node would wait for it for ever when the process exits.
  if (pair.near.writableEnded) pair.near.destroy()
  else pair.near.resetAndDestroy()
}
