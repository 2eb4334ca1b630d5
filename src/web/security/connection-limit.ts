// How many connections the listener may have. They are capped far below what the process may open, so that strangers who connect and say
// nothing leave mail, databases and keys their file descriptors. Where all places are taken, the connection that has been without a request
// for longest gives its place to the new one: silence keeps nobody out.
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'

interface Connection {
  socket: Socket
  /** Being answered. */
  requests: number
}

/** A quarter of what the process may open, and not more than so many. */
const maxConnections = 512
const share = 4

/** What the listener of this process may have. */
export function connectionLimit(): number {
  return Math.max(1, Math.min(maxConnections, Math.floor(openFilesLimit() / share)))
}

/** Where the system does not say: a common limit. */
const usualOpenFiles = 256

function openFilesLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
    return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft ?? usualOpenFiles)
  } catch {
    return usualOpenFiles
  }
}

/** Keeps the server's connections within `max`. */
export function limitConnections(server: Server, max: number): void {
  // In the order of their last request; under TLS a request has another socket object than its connection.
  const open = new Map<string, Connection>()
  server.on('connection', (socket: Socket) => {
    const [key, connection] = [keyOf(socket), { socket, requests: 0 }]
    if (open.size >= max && !makeRoom(open)) return void socket.destroy()
    open.set(key, connection)
    socket.once('close', () => open.get(key) === connection && open.delete(key))
  })
  server.on('request', ({ socket }, response) => {
    const key = keyOf(socket)
    const connection = open.get(key)
    if (connection === undefined) return
    connection.requests += 1
    open.delete(key)
    open.set(key, connection)
    response.once('close', () => {
      connection.requests -= 1
    })
  })
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/** False where all are being answered. */
function makeRoom(open: Map<string, Connection>): boolean {
  for (const [key, { socket, requests }] of open) {
    if (requests > 0) continue
    open.delete(key)
    socket.destroy()
    return true
  }
  return false
}
