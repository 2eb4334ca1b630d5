// A DNS server on loopback (RFC 1035) with the records that a test gives it. It answers queries of one question over UDP; a name without
// records does not exist.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

export interface DnsRecords {
  A?: readonly string[]
  MX?: readonly { priority: number; exchange: string }[]
  SRV?: readonly { priority: number; weight: number; port: number; name: string }[]
}

export interface TestDnsServer extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  address: string
  /** By name in lower case, without a dot at its end. */
  records: Map<string, DnsRecords>
  /** Queries for these names get no answer. */
  silent: Set<string>
  asked: string[]
}

const types: ReadonlyMap<number, keyof DnsRecords> = new Map([
  [1, 'A'],
  [15, 'MX'],
  [33, 'SRV'],
])

export async function startDnsServer(): Promise<TestDnsServer> {
  const socket = createSocket('udp4')
  const server: TestDnsServer = {
    address: '',
    records: new Map(),
    silent: new Set(),
    asked: [],
    async [Symbol.asyncDispose]() {
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
  socket.on('message', (query, from) => {
    const { name, end } = readName(query)
    server.asked.push(name)
    if (server.silent.has(name)) return
    socket.send(answerTo(query.subarray(0, end + 4), query.readUInt16BE(end), server.records.get(name)), from.port)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  server.address = `127.0.0.1:${socket.address().port}`
  return server
}

const headerBytes = 12

function readName(query: Buffer): { name: string; end: number } {
  const labels: string[] = []
  let at = headerBytes
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += length + 1
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}

function answerTo(question: Buffer, type: number, records: DnsRecords | undefined): Buffer {
  const answers = dataOf(types.get(type), records ?? {}).map(data => toRecord(type, data))
  const header = Buffer.alloc(headerBytes)
  question.copy(header, 0, 0, 2)
  // An answer that is wanted and given recursively; 3: there is no such name.
  header.writeUInt16BE(0x8180 + (records === undefined ? 3 : 0), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(answers.length, 6)
  return Buffer.concat([header, question.subarray(headerBytes), ...answers])
}

function dataOf(type: keyof DnsRecords | undefined, { A = [], MX = [], SRV = [] }: DnsRecords): Buffer[] {
  if (type === 'A') return A.map(address => Buffer.from(address.split('.').map(Number)))
  if (type === 'MX') return MX.map(({ priority, exchange }) => Buffer.concat([words(priority), toName(exchange)]))
  if (type === 'SRV')
    return SRV.map(({ priority, weight, port, name }) => Buffer.concat([words(priority, weight, port), toName(name)]))
  return []
}

function toRecord(type: number, data: Buffer): Buffer {
  // A pointer to the name in the question, the class IN, and no time to live.
  return Buffer.concat([words(0xc00c, type, 1, 0, 0, data.length), data])
}

function words(...values: number[]): Buffer {
  return Buffer.concat(values.map(value => Buffer.from([value >> 8, value & 255])))
}

function toName(name: string): Buffer {
  const labels = name.split('.').filter(label => label !== '')
  return Buffer.concat([...labels.map(label => Buffer.from([label.length, ...Buffer.from(label)])), Buffer.alloc(1)])
}
