// A line between the daemon and a mail server that lets so many bytes a second through towards the daemon, until it is released.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface SlowLine extends AsyncDisposable {
  port: number
  /** Connections that there ever were. */
  accepted(): number
  /** Bytes that went to the daemon. */
  passed(): number
  /** From now on it is as quick as the server. */
  release(): void
}

/** Pieces a second. */
const pieces = 20

export async function startSlowLine(host: string, port: number, bytesPerSecond: number): Promise<SlowLine> {
  const sockets = new Set<Socket>()
  let [accepted, passed, released] = [0, 0, false]
  const forward = async (from: Socket, to: Socket): Promise<void> => {
    const piece = Math.max(1, Math.ceil(bytesPerSecond / pieces))
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length && !to.destroyed; ) {
        const part = released ? chunk.subarray(at) : chunk.subarray(at, at + piece)
        to.write(part)
        at += part.length
        passed += part.length
        if (!released) await sleep((1000 * part.length) / bytesPerSecond)
      }
    }
    to.end()
  }
  const server = createServer(client => {
    accepted += 1
    const upstream = connect(port, host)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream)
    forward(upstream, client).catch(() => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    accepted: () => accepted,
    passed: () => passed,
    release() {
      released = true
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
