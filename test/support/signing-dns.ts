// A DNS server on loopback (RFC 1035, UDP): TXT records of a map, silence on command. It counts what it is asked.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

export interface DnsServer extends AsyncDisposable {
  /** 127.0.0.1:port. */
  address: string
  /** TXT records by name in lower case. */
  records: Map<string, string>
  /** Names in the order in which they were asked for. */
  asked: string[]
  /** True: questions get no answer. */
  silent: boolean
}

export async function startDnsServer(): Promise<DnsServer> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const server: DnsServer = {
    address: `127.0.0.1:${socket.address().port}`,
    records: new Map(),
    asked: [],
    silent: false,
    async [Symbol.asyncDispose]() {
      socket.close()
      await once(socket, 'close')
    },
  }
  socket.on('message', (query, from) => {
    const { name, end } = readName(query)
    server.asked.push(name)
    if (server.silent) return
    const isText = query.readUInt16BE(end) === txt
    const text = isText ? server.records.get(name) : undefined
    socket.send(answer(query, end + 4, text), from.port, from.address)
  })
  return server
}

const headerBytes = 12
const txt = 16

function readName(query: Buffer): { name: string; end: number } {
  const labels: string[] = []
  let at = headerBytes
  while (query[at] !== 0) {
    const length = query[at] ?? 0
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}

function answer(query: Buffer, questionEnd: number, text: string | undefined): Buffer {
  const header = Buffer.alloc(headerBytes)
  query.copy(header, 0, 0, 2)
  const nxdomain = text === undefined ? 3 : 0
  header.writeUInt16BE(0x8180 | nxdomain, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(text === undefined ? 0 : 1, 6)
  const question = query.subarray(headerBytes, questionEnd)
  return Buffer.concat([header, question, ...(text === undefined ? [] : [record(text)])])
}

/** Points at the name in the question; strings of 255 bytes at most. */
function record(text: string): Buffer {
  const pieces = text.match(/.{1,255}/g) ?? ['']
  const data = Buffer.concat(pieces.map(piece => Buffer.concat([Buffer.from([piece.length]), Buffer.from(piece)])))
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(txt, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(60, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}
