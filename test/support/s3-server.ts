// An S3 service for tests, in memory: signatures (Signature Version 4) are checked in full, so are checksums; conditional writes,
// ranges and paged listings work as documented. It misbehaves on command: `fault` is asked about every request.
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createCertificates } from '../../src/embedded/certificates.ts'

export interface S3Request {
  method: string
  /** Without the bucket. */
  key: string
  query: URLSearchParams
  headers: IncomingMessage['headers']
  /** How many requests came before. */
  number: number
}

/** What may go wrong with a request. */
export type S3Fault =
  | { answer: { status: number; code: string; headers?: Record<string, string> } }
  /** The connection breaks while the upload comes in. */
  | 'cut upload'
  /** It is kept, and the connection breaks before the answer. */
  | 'lost answer'
  /** The connection breaks in the middle of the answer's bytes. */
  | 'cut answer'
  /** No answer ever. */
  | 'hang'
  /** 200, and half of it is kept. */
  | 'keep half'
  /** 200, and nothing is kept. */
  | 'keep nothing'
  /** The whole object where a range was asked for. */
  | 'whole'

export interface S3Server extends AsyncDisposable {
  endpoint: string
  bucket: string
  /** A file for `raw.s3_credentials_file`. */
  credentialsFile: string
  /** The CA of its certificate, where it has one. */
  caFile: string
  objects: Map<string, Buffer>
  requests: S3Request[]
  /** Set by tests. */
  script: {
    fault: (request: S3Request) => S3Fault | undefined
    /** Objects a page. */
    pageSize: number
    /** Whether checksums are answered. */
    checksums: boolean
    /** Whether If-None-Match on a PUT is obeyed, not known (501), or passed over. */
    conditional: 'yes' | 'unknown' | 'ignored'
  }
  /** The environment of a daemon that keeps its raw mail here. */
  env(prefix?: string): Record<string, string>
}

const key = { id: 'AKIDEXAMPLE', secret: 'a-secret-that-must-not-be-seen/+=' }
const bucket = 'mail-of-tests'

export async function startS3Server(options: { tls?: boolean } = {}): Promise<S3Server> {
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-s3-'))
  const credentialsFile = path.join(directory, 'credentials')
  writeCredentials(credentialsFile, key.secret)
  const objects = new Map<string, Buffer>()
  const requests: S3Request[] = []
  const script: S3Server['script'] = {
    fault: () => undefined,
    pageSize: 1000,
    checksums: true,
    conditional: 'yes',
  }
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    serve({ objects, requests, script }, request, response).catch(error => response.destroy(error))
  }
  const server = options.tls ? createSecureServer(await certificateIn(directory), answer) : createServer(answer)
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const endpoint = options.tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`
  return {
    endpoint,
    bucket,
    credentialsFile,
    caFile: path.join(directory, 'ca.pem'),
    objects,
    requests,
    script,
    env: (prefix = 'desk') => ({
      LETTERLOCK_RAW_S3_BUCKET: bucket,
      LETTERLOCK_RAW_S3_ENDPOINT: endpoint,
      LETTERLOCK_RAW_S3_PREFIX: prefix,
      LETTERLOCK_RAW_S3_CREDENTIALS_FILE: credentialsFile,
      LETTERLOCK_RAW_S3_PATH_STYLE: 'true',
    }),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function certificateIn(directory: string): Promise<{ cert: Buffer; key: Buffer }> {
  const { certFile, keyFile } = await createCertificates({ openssl: 'openssl', directory })
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) }
}

/** A credentials file with this secret. */
export function writeCredentials(file: string, secret: string): void {
  writeFileSync(file, `[default]\naws_access_key_id = ${key.id}\naws_secret_access_key = ${secret}\n`, { mode: 0o600 })
}

type Shop = Pick<S3Server, 'objects' | 'requests' | 'script'>

async function serve(shop: Shop, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  const [, named = '', ...rest] = decodeURIComponent(pathname).split('/')
  const asked: S3Request = {
    method: request.method ?? '',
    key: rest.join('/'),
    query: searchParams,
    headers: request.headers,
    number: shop.requests.length,
  }
  shop.requests.push(asked)
  const fault = shop.script.fault(asked)
  if (fault === 'cut upload') {
    await once(request, 'data')
    return void request.destroy()
  }
  const body = Buffer.concat(await request.toArray())
  if (fault === 'hang') return
  if (typeof fault === 'object')
    return refuse(response, fault.answer.status, fault.answer.code, fault.answer.headers ?? {})
  const refusal = findRefusal(request, body)
  if (refusal !== undefined) return refuse(response, 403, refusal)
  if (named !== bucket) return refuse(response, 404, 'NoSuchBucket')
  if (asked.method === 'PUT') return put(shop, asked, body, response, fault)
  if (asked.method === 'GET' && asked.key === '') return list(shop, asked, response)
  if (asked.method === 'GET') return get(shop, asked, response, fault)
  if (asked.method !== 'DELETE') return refuse(response, 405, 'MethodNotAllowed')
  shop.objects.delete(asked.key)
  response.writeHead(204).end()
}

function refuse(response: ServerResponse, status: number, code: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/xml', 'x-amz-request-id': 'REQ1', ...headers })
  response.end(
    `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message><AWSAccessKeyId>${key.id}</AWSAccessKeyId></Error>`,
  )
}

const sha256 = (bytes: Buffer | string): Buffer => createHash('sha256').update(bytes).digest()
const hmac = (secret: Buffer | string, text: string): Buffer => createHmac('sha256', secret).update(text).digest()

/** What is wrong with the signature or the body's hash. */
function findRefusal(request: IncomingMessage, body: Buffer): string | undefined {
  const { authorization = '', 'x-amz-date': date = '', 'x-amz-content-sha256': hash = '' } = request.headers
  const [, id, scope = '', signed = '', signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), SignedHeaders=([^,]+), Signature=(\w+)$/.exec(authorization) ?? []
  if (id !== key.id) return authorization === '' ? 'AccessDenied' : 'InvalidAccessKeyId'
  if (hash !== sha256(body).toString('hex')) return 'XAmzContentSHA256Mismatch'
  for (const needed of ['host', 'x-amz-date', 'x-amz-content-sha256'])
    if (!signed.split(';').includes(needed)) return 'AccessDenied'
  const [pathname = '', query = ''] = (request.url ?? '').split('?')
  const canonical = [
    request.method,
    pathname,
    query
      .split('&')
      .map(part => (part === '' || part.includes('=') ? part : `${part}=`))
      .sort()
      .join('&'),
    ...signed.split(';').map(name => `${name}:${String(request.headers[name]).trim().replace(/ +/g, ' ')}`),
    '',
    signed,
    hash,
  ].join('\n')
  const text = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical).toString('hex')].join('\n')
  const signing = scope.split('/').reduce((secret: Buffer | string, part) => hmac(secret, part), `AWS4${key.secret}`)
  return hmac(signing, text).toString('hex') === signature ? undefined : 'SignatureDoesNotMatch'
}

function put({ objects, script }: Shop, asked: S3Request, body: Buffer, response: ServerResponse, fault?: S3Fault) {
  const checksum = sha256(body).toString('base64')
  const stated = asked.headers['x-amz-checksum-sha256']
  if (stated !== undefined && stated !== checksum) return refuse(response, 400, 'BadDigest')
  if (asked.headers['if-none-match'] !== undefined) {
    if (script.conditional === 'unknown') return refuse(response, 501, 'NotImplemented')
    if (script.conditional === 'yes' && objects.has(asked.key)) return refuse(response, 412, 'PreconditionFailed')
  }
  if (fault !== 'keep nothing') objects.set(asked.key, fault === 'keep half' ? body.subarray(0, body.length / 2) : body)
  if (fault === 'lost answer') return void response.destroy()
  const answered = script.checksums ? { 'x-amz-checksum-sha256': checksum } : {}
  response.writeHead(200, { etag: `"${randomBytes(16).toString('hex')}"`, ...answered }).end()
}

function get({ objects }: Shop, asked: S3Request, response: ServerResponse, fault?: S3Fault): void {
  const object = objects.get(asked.key)
  if (object === undefined) return void refuse(response, 404, 'NoSuchKey')
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(asked.headers.range ?? '') ?? []
  if ((from === '' && to === '') || fault === 'whole') return void response.writeHead(200).end(object)
  const start = from === '' ? Math.max(0, object.length - Number(to)) : Number(from)
  const end = from === '' || to === '' ? object.length : Math.min(object.length, Number(to) + 1)
  if (start >= object.length) return void refuse(response, 416, 'InvalidRange')
  const bytes = object.subarray(start, end)
  const range = `bytes ${start}-${end - 1}/${object.length}`
  response.writeHead(206, { 'content-range': range, 'content-length': bytes.length })
  if (fault !== 'cut answer') return void response.end(bytes)
  response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
}

function list({ objects, script }: Shop, { query }: S3Request, response: ServerResponse): void {
  const prefix = query.get('prefix') ?? ''
  const delimiter = query.get('delimiter')
  const after = Buffer.from(query.get('continuation-token') ?? '', 'base64').toString()
  const shown = [...objects.keys()]
    .filter(name => name.startsWith(prefix))
    .map(name => {
      const cut = delimiter === null ? -1 : name.indexOf(delimiter, prefix.length)
      return cut < 0 ? name : name.slice(0, cut + 1)
    })
  const names = [...new Set(shown)].sort().filter(name => name > after)
  const page = names.slice(0, script.pageSize)
  const more = names.length > page.length
  const entries = page.map(name =>
    delimiter !== null && name.endsWith(delimiter)
      ? `<CommonPrefixes><Prefix>${name}</Prefix></CommonPrefixes>`
      : `<Contents><Key>${name}</Key><Size>${objects.get(name)?.length}</Size></Contents>`,
  )
  const token = Buffer.from(page.at(-1) ?? '').toString('base64')
  response.writeHead(200, { 'content-type': 'application/xml' })
  response.end(
    `<?xml version="1.0"?><ListBucketResult><Name>${bucket}</Name><IsTruncated>${more}</IsTruncated>${more ? `<NextContinuationToken>${token}</NextContinuationToken>` : ''}${entries.join('')}</ListBucketResult>`,
  )
}
