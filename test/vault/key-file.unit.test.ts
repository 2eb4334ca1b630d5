import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, type TestContext, test } from 'vitest'
import { sentencesForCommand } from '../../src/errors/hints.ts'
import { type KeyFileFact, readKeyFile } from '../../src/vault/keys/key-file.ts'
import { filesOf, keyPathsOf, readKeyring } from '../../src/vault/keys/keyring.ts'
import { createKeyFile, nextName, retiredName, retireKeyFile } from '../../src/vault/keys/place-key-file.ts'
import { toKey } from '../../src/vault/secrets/envelope.ts'

let directory: string
let file: string
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'letterlock-key-'))
  file = path.join(directory, 'encryption-key.bin')
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 }
const isRoot = own.uid === 0
const stranger = 54_321

function needsRoot(context: TestContext): void {
  context.skip(!isRoot, 'only root can give files to another user: not tried')
}

/** Runs `work` with another user's rights. */
function as<T>(user: number, work: () => T): T {
  process.setegid?.(user)
  process.seteuid?.(user)
  try {
    return work()
  } finally {
    process.seteuid?.(own.uid)
    process.setegid?.(own.gid)
  }
}

const octal = (text: string): number => Number.parseInt(text, 8)
const material = (): Buffer => Buffer.from(Array.from({ length: 32 }, (_, i) => (i * 37 + 5) % 256))
const keyHex = toKey(material()).hex

function put(where = file, content: Buffer = material(), mode = 0o400): string {
  writeFileSync(where, content, { flag: 'wx' })
  chmodSync(where, mode)
  return where
}

/** Another key than `material()`. */
function putOther(where: string): string {
  const content = randomBytes(32)
  put(where, content)
  return toKey(content).hex
}

const hexOf = (fact: KeyFileFact): string => (fact.kind === 'valid' ? fact.key.hex : fact.kind)
const holds = (where: string): string => hexOf(readKeyFile(where))

function expectRefused(fact: KeyFileFact, code: string, hint: string): void {
  if (fact.kind !== 'refused') throw new Error(`${code} is taken`)
  expect(fact.code).toBe(code)
  expect(sentencesForCommand(fact)).toContain(hint)
  expect(sentencesForCommand(fact)).toContain(directory)
}

test.each(['0400', '0600'])('takes a file of mode %s', mode => {
  put(file, material(), octal(mode))
  expect(holds(file)).toBe(keyHex)
})

test.each(['0440', '0640'])("takes mode %s where the group is the service's own", mode => {
  put(file, material(), octal(mode))
  chownSync(file, own.uid, own.gid)
  expect(holds(file)).toBe(keyHex)
})

test.for(['0440', '0640'])('refuses mode %s of another group', (mode, context) => {
  needsRoot(context)
  put(file, material(), octal(mode))
  chownSync(file, own.uid, stranger)
  expectRefused(readKeyFile(file), 'key_file.mode', `\`chmod 400 ${file}\``)
})

const badModes = '0644 0660 0604 0460 0404 0401 0402 0620 0700 0500 0777 4400 1400 2440'.split(' ')

test.each(badModes)('refuses mode %s and says how to mend it', mode => {
  put(file, material(), octal(mode))
  expectRefused(readKeyFile(file), 'key_file.mode', `${file} has mode ${mode} instead of 0400 or 0600`)
  expectRefused(readKeyFile(file), 'key_file.mode', `\`chmod 400 ${file}\``)
  chmodSync(file, 0o400)
  expect(holds(file)).toBe(keyHex)
})

test('never mends a mode by itself', () => {
  put(file, material(), 0o644)
  readKeyFile(file)
  expect(statSync(file).mode & 0o7777).toBe(0o644)
})

test('refuses the file of another user, and names the line that mends it', context => {
  needsRoot(context)
  put()
  chownSync(file, stranger, 0)
  expectRefused(
    readKeyFile(file),
    'key_file.owner',
    `${file} belongs to user ${stranger}. Correct its owner: \`chown ${own.uid} ${file}\``,
  )
})

test("a file of the service's user is taken by root too, who runs the commands", context => {
  needsRoot(context)
  put()
  chownSync(directory, stranger, stranger)
  chownSync(file, stranger, stranger)
  expect(holds(file)).toBe(keyHex)
  expect(as(stranger, () => holds(file))).toBe(keyHex)
  chownSync(file, stranger + 1, stranger)
  expectRefused(readKeyFile(file), 'key_file.owner', `\`chown ${stranger} ${file}\``)
})

test("a directory that the service's own group may write to is right for the service and for root alike", context => {
  needsRoot(context)
  put()
  chownSync(directory, stranger, stranger)
  chmodSync(directory, 0o770)
  chownSync(file, stranger, stranger)
  expect(as(stranger, () => holds(file))).toBe(keyHex)
  expect(holds(file)).toBe(keyHex)
})

test("root's file with the group of the service is read by the service", context => {
  needsRoot(context)
  put(file, material(), 0o440)
  chownSync(directory, 0, stranger)
  chmodSync(directory, 0o750)
  chownSync(file, 0, stranger)
  expect(as(stranger, () => holds(file))).toBe(keyHex)
  expect(holds(file)).toBe(keyHex)
})

test("root's own file with a wrong mode is mended by a line that lets the service read it", context => {
  needsRoot(context)
  put(file, material(), 0o644)
  chownSync(directory, stranger, stranger)
  const line = `\`chown ${stranger} ${file} && chmod 400 ${file}\``
  expectRefused(
    as(stranger, () => readKeyFile(file)),
    'key_file.mode',
    line,
  )
  expectRefused(readKeyFile(file), 'key_file.mode', line)
})

test('a file that the service may not read: the hint lets it', context => {
  needsRoot(context)
  put()
  chmodSync(directory, 0o755)
  expectRefused(
    as(stranger, () => readKeyFile(file)),
    'key_file.unreadable',
    `ser ${stranger} may not read ${file}. Correct its owner: \`chown ${stranger} ${file} && chmod 400 ${file}\``,
  )
})

test('a directory that the service may not enter: the hint speaks of it, not of the file', context => {
  needsRoot(context)
  put()
  expectRefused(
    as(stranger, () => readKeyFile(file)),
    'key_file.unreadable',
    `ser ${stranger} may not enter all directories on the way to ${file}. See which directory it is: \`namei -l ${file}\``,
  )
})

test('no file, no directory, or a file where a directory should be: it is absent', () => {
  expect(readKeyFile(file)).toEqual({ kind: 'absent' })
  expect(readKeyFile(path.join(directory, 'later', 'encryption-key.bin'))).toEqual({ kind: 'absent' })
  writeFileSync(path.join(directory, 'later'), '')
  expect(readKeyFile(path.join(directory, 'later', 'encryption-key.bin'))).toEqual({ kind: 'absent' })
})

test('a FIFO is refused at once: nobody writes to it, and nothing waits', () => {
  execFileSync('mkfifo', ['-m', '600', file])
  expectRefused(readKeyFile(file), 'key_file.type', `${file} is no regular file`)
})

test('a directory, a device and a socket are refused', async () => {
  mkdirSync(file, { mode: 0o700 })
  expectRefused(readKeyFile(file), 'key_file.type', `${file} is no regular file`)
  for (const device of ['/dev/null', '/dev/zero'])
    expect(readKeyFile(device)).toMatchObject({ kind: 'refused', code: 'key_file.type' })
  expect(readKeyFile('/dev/zero', 'credential')).toMatchObject({ kind: 'refused', code: 'key_file.type' })
  const socket = path.join(directory, 'socket')
  const listening = createServer().listen(socket)
  await once(listening, 'listening')
  expectRefused(readKeyFile(socket), 'key_file.type', `${socket} is no regular file`)
  listening.close()
})

test('a symbolic link is refused, wherever it leads', () => {
  const target = put(path.join(directory, 'elsewhere.bin'))
  symlinkSync(target, file)
  expectRefused(readKeyFile(file), 'key_file.symlink', `${file} is a symbolic link`)
  unlinkSync(file)
  symlinkSync(path.join(directory, 'nowhere'), file)
  expectRefused(readKeyFile(file), 'key_file.symlink', `${file} is a symbolic link`)
  unlinkSync(file)
  symlinkSync(file, file)
  expectRefused(readKeyFile(file), 'key_file.symlink', file)
})

test('a directory of ours that is reached through a link of ours is all right', () => {
  const [real, link] = [path.join(directory, 'real'), path.join(directory, 'link')]
  mkdirSync(real, { mode: 0o700 })
  put(path.join(real, 'encryption-key.bin'))
  symlinkSync('real', link)
  expect(holds(path.join(link, 'encryption-key.bin'))).toBe(keyHex)
})

test("a directory that is reached through a stranger's link is refused", context => {
  needsRoot(context)
  const [real, link] = [path.join(directory, 'real'), path.join(directory, 'link')]
  mkdirSync(real, { mode: 0o700 })
  put(path.join(real, 'encryption-key.bin'))
  symlinkSync('real', link)
  lchownSync(link, stranger, stranger)
  const fact = readKeyFile(path.join(link, 'encryption-key.bin'))
  expectRefused(fact, 'key_file.symlink', `${link} on the way to the key is a symbolic link of user ${stranger}`)
})

test('a link of ours that leads through a directory where others write is refused', () => {
  const [open, link] = [path.join(directory, 'open'), path.join(directory, 'link')]
  mkdirSync(path.join(open, 'real'), { recursive: true, mode: 0o700 })
  put(path.join(open, 'real', 'encryption-key.bin'))
  symlinkSync(path.join(open, 'real'), link)
  chmodSync(open, 0o777)
  const fact = readKeyFile(path.join(link, 'encryption-key.bin'))
  expectRefused(fact, 'key_file.directory', `\`chmod go-w ${open}\``)
})

test.each(['0777', '0707', '0702'])('a directory of mode %s, where others can put another file, is refused', mode => {
  put()
  chmodSync(directory, octal(mode))
  expectRefused(readKeyFile(file), 'key_file.directory', `\`chmod go-w ${directory}\``)
  chmodSync(directory, 0o700)
  expect(holds(file)).toBe(keyHex)
})

test('a directory further up where others write is refused', () => {
  const deep = path.join(directory, 'a', 'b')
  mkdirSync(deep, { recursive: true, mode: 0o700 })
  put(path.join(deep, 'encryption-key.bin'))
  chmodSync(path.join(directory, 'a'), 0o777)
  const fact = readKeyFile(path.join(deep, 'encryption-key.bin'))
  expectRefused(fact, 'key_file.directory', `\`chmod go-w ${path.join(directory, 'a')}\``)
})

test("a stranger's group may not write to the directory", context => {
  needsRoot(context)
  const parent = path.join(directory, 'parent')
  const deep = path.join(parent, 'keys')
  mkdirSync(deep, { recursive: true, mode: 0o700 })
  put(path.join(deep, 'encryption-key.bin'))
  chownSync(parent, 0, stranger)
  chmodSync(parent, 0o770)
  const fact = readKeyFile(path.join(deep, 'encryption-key.bin'))
  expectRefused(fact, 'key_file.directory', `\`chmod go-w ${parent}\``)
})

test("a stranger's directory on the way is refused", context => {
  needsRoot(context)
  const parent = path.join(directory, 'parent')
  const deep = path.join(parent, 'keys')
  mkdirSync(deep, { recursive: true, mode: 0o700 })
  put(path.join(deep, 'encryption-key.bin'))
  chownSync(parent, stranger, stranger)
  const fact = readKeyFile(path.join(deep, 'encryption-key.bin'))
  expectRefused(fact, 'key_file.directory', `\`chown 0 ${parent}\``)
})

test('in a sticky directory, like /tmp, nobody replaces what is ours', () => {
  put()
  chmodSync(directory, 0o1777)
  expect(holds(file)).toBe(keyHex)
})

test('a relative path is walked as well', () => {
  put()
  expect(holds(path.relative(process.cwd(), file))).toBe(keyHex)
})

test.each([0, 16, 31, 33, 64, 5_000_000])('refuses %i bytes and says how many there are', bytes => {
  put(file, randomBytes(bytes))
  expectRefused(readKeyFile(file), 'key_file.size', `${file} has ${bytes} bytes instead of 32`)
})

const weak: readonly (readonly [string, Buffer])[] = [
  ['zeros', Buffer.alloc(32)],
  ['one letter', Buffer.alloc(32, 'x')],
  ['a text', Buffer.from('change-me-to-a-secret-passphrase')],
  ['random letters', Buffer.from('q8Zt3LrV0xWm6KcY1bNf7HsD5gJp2ATe')],
  ['hexadecimal digits', Buffer.from('00112233445566778899aabbccddeeff')],
  ['a pattern', Buffer.alloc(32, Buffer.from([0, 255, 1, 254]))],
  ['fifteen different bytes', Buffer.from(Array.from({ length: 32 }, (_, i) => 200 + (i % 15)))],
]

test.each(weak)('refuses a placeholder: %s', (_name, content) => {
  put(file, content)
  expectRefused(readKeyFile(file), 'key_file.placeholder', `${file} is no random key but a text or a pattern`)
})

test('takes sixteen different bytes, and a text with one byte that cannot be printed', () => {
  put(file, Buffer.from(Array.from({ length: 32 }, (_, i) => 200 + (i % 16))))
  expect(readKeyFile(file).kind).toBe('valid')
  const other = Buffer.from('q8Zt3LrV0xWm6KcY1bNf7HsD5gJp2ATe')
  other.writeUInt8(7, 20)
  expect(readKeyFile(put(path.join(directory, 'other.bin'), other)).kind).toBe('valid')
})

test('no random key is taken for a placeholder', () => {
  for (let i = 0; i < 200; i += 1) {
    const where = put(path.join(directory, `${i}.bin`), randomBytes(32))
    expect(readKeyFile(where).kind).toBe('valid')
  }
})

test('a slow copy is refused until it is whole, and looks like another file with every write', () => {
  const content = material()
  writeFileSync(file, '', { mode: 0o600 })
  expectRefused(readKeyFile(file), 'key_file.size', 'has 0 bytes')
  appendFileSync(file, content.subarray(0, 16))
  expectRefused(readKeyFile(file), 'key_file.size', 'has 16 bytes')
  appendFileSync(file, content.subarray(16))
  expect(holds(file)).toBe(keyHex)
})

test('the identity stays as long as the file does, and is another one once it is replaced', () => {
  const identity = (): string => {
    const fact = readKeyFile(file)
    return fact.kind === 'valid' ? fact.identity : fact.kind
  }
  put()
  const first = identity()
  expect(identity()).toBe(first)
  renameSync(put(path.join(directory, 'copy.bin')), file)
  expect(holds(file)).toBe(keyHex)
  expect(identity()).not.toBe(first)
})

test('what systemd gives is checked for type and size only', () => {
  put(file, material(), 0o644)
  chmodSync(directory, 0o777)
  expect(hexOf(readKeyFile(file, 'credential'))).toBe(keyHex)
  const short = put(path.join(directory, 'short.bin'), randomBytes(31), 0o644)
  expectRefused(readKeyFile(short, 'credential'), 'key_file.size', 'has 31 bytes')
})

test('no hint shows bytes of the key', () => {
  const text = 'Tr0ub4dor&3-Tr0ub4dor&3-Tr0ub4do'
  const facts = [
    readKeyFile(put(path.join(directory, 'text.bin'), Buffer.from(text))),
    readKeyFile(put(path.join(directory, 'long.bin'), Buffer.from(`${text}x`))),
    readKeyFile(put(path.join(directory, 'mode.bin'), Buffer.from(text), 0o644)),
  ]
  for (const fact of facts) {
    expect(fact.kind).toBe('refused')
    expect(JSON.stringify(fact)).not.toMatch(/Tr0ub|54723075|VHIwdW/)
  }
})

test.each(['0000', '0022', '0277', '0777'])('makes a key that only its owner reads, whatever the umask: %s', mask => {
  const before = process.umask(octal(mask))
  try {
    createKeyFile(file)
  } finally {
    process.umask(before)
  }
  expect(statSync(file)).toMatchObject({ mode: 0o100400, size: 32, nlink: 1 })
  expect(readKeyFile(file).kind).toBe('valid')
  expect(readdirSync(directory)).toEqual(['encryption-key.bin'])
})

test('every key that is made is another one', () => {
  const names = ['a', 'b', 'c'].map(name => path.join(directory, name))
  for (const name of names) createKeyFile(name)
  expect(new Set(names.map(holds)).size).toBe(3)
})

test('never overwrites what is there, whatever it is', () => {
  put(file, Buffer.from('not even a key'), 0o644)
  expect(() => createKeyFile(file)).toThrow(expect.objectContaining({ code: 'EEXIST' }))
  expect(readFileSync(file, 'utf8')).toBe('not even a key')
  unlinkSync(file)
  symlinkSync(path.join(directory, 'nowhere'), file)
  expect(() => createKeyFile(file)).toThrow(expect.objectContaining({ code: 'EEXIST' }))
  expect(readdirSync(directory)).toEqual(['encryption-key.bin'])
})

test('made by root, the key is the one whose directory it is: the service reads it', context => {
  needsRoot(context)
  chownSync(directory, stranger, stranger)
  createKeyFile(file)
  expect(statSync(file)).toMatchObject({ uid: stranger, gid: stranger, mode: 0o100400 })
  expect(as(stranger, () => holds(file))).toBe(holds(file))
})

test('leaves nothing where it may not write', context => {
  chmodSync(directory, 0o555)
  const make = () => expect(() => createKeyFile(file)).toThrow(expect.objectContaining({ code: 'EACCES' }))
  if (isRoot) as(stranger, make)
  else make()
  expect(readdirSync(directory)).toEqual([])
  context.annotate(isRoot ? 'as another user' : 'as ourselves')
})

test('leaves nothing where there is no directory', () => {
  expect(() => createKeyFile(path.join(directory, 'none', 'key.bin'))).toThrow(
    expect.objectContaining({ code: 'ENOENT' }),
  )
  expect(readdirSync(directory)).toEqual([])
})

const moduleUrl = new URL('../../src/vault/keys/place-key-file.ts', import.meta.url).href
const code = (body: string): readonly string[] => [
  '--input-type=module',
  '-e',
  `import { createKeyFile } from ${JSON.stringify(moduleUrl)}\n${body}`,
]

test('leaves nothing where the disk takes nothing', () => {
  // No file may grow: opening works, and the write fails, as on a full disk.
  const make = `try { createKeyFile(process.argv[1]); console.log('made') } catch (error) { console.log(error.code) }`
  const ran = spawnSync('sh', ['-c', 'ulimit -f 0; exec "$@"', 'sh', process.execPath, ...code(make), file], {
    encoding: 'utf8',
  })
  expect(ran.stdout.trim()).toBe('EFBIG')
  expect(readdirSync(directory)).toEqual([])
})

test('of eight processes at once exactly one makes the key, and nothing else is left', async () => {
  const race = `
    process.stdout.write('ready\\n')
    process.stdin.once('data', () => {
      try { createKeyFile(process.argv[1]); process.stdout.write('made') } catch (error) { process.stdout.write(error.code) }
      process.exit()
    })`
  const racers = Array.from({ length: 8 }, () => {
    const child = spawn(process.execPath, [...code(race), file], { stdio: ['pipe', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', text => {
      said += text
    })
    const ended = once(child, 'close').then(() => said)
    return { child, ready: Promise.race([once(child.stdout, 'data'), ended]), ended }
  })
  await Promise.all(racers.map(racer => racer.ready))
  for (const { child } of racers) child.stdin.end('go\n')
  const ends = await Promise.all(racers.map(racer => racer.ended))
  expect(ends.map(said => said.replace('ready\n', '')).sort()).toEqual([...Array(7).fill('EEXIST'), 'made'])
  expect(readdirSync(directory)).toEqual(['encryption-key.bin'])
  expect(readKeyFile(file).kind).toBe('valid')
})

const names = (): string[] => readdirSync(directory).sort()
const retired = () => retiredName(file, keyHex)
const next = () => nextName(file)

test('the names beside the key', () => {
  expect(path.basename(next())).toBe('encryption-key.next.bin')
  expect(path.basename(retired())).toBe(`encryption-key.retired-${keyHex}.bin`)
  expect(nextName('/keys/mail')).toBe('/keys/mail.next')
})

test('retires a key after disabling: it has its other name only', () => {
  put()
  retireKeyFile(file, keyHex)
  expect(names()).toEqual([path.basename(retired())])
  expect(holds(retired())).toBe(keyHex)
})

test('retires a key after a rotation: the next one takes its place', () => {
  put()
  const nextHex = putOther(next())
  retireKeyFile(file, keyHex, next())
  expect(names()).toEqual(['encryption-key.bin', path.basename(retired())])
  expect([holds(file), holds(retired())]).toEqual([nextHex, keyHex])
})

test.each(['before anything', 'both names are there', 'all is done'])('retiring goes on after a crash: %s', at => {
  put()
  if (at === 'both names are there') linkSync(file, retired())
  if (at === 'all is done') retireKeyFile(file, keyHex)
  retireKeyFile(file, keyHex)
  expect(names()).toEqual([path.basename(retired())])
  expect(holds(retired())).toBe(keyHex)
})

test.each(['before anything', 'both names are there', 'all is done'])('a rotation goes on after a crash: %s', at => {
  put()
  const nextHex = putOther(next())
  if (at === 'both names are there') linkSync(file, retired())
  if (at === 'all is done') retireKeyFile(file, keyHex, next())
  retireKeyFile(file, keyHex, next())
  expect([holds(file), holds(retired()), existsSync(next())]).toEqual([nextHex, keyHex, false])
})

test('goes on where the operator made a copy instead of a link', () => {
  put()
  put(retired())
  retireKeyFile(file, keyHex)
  expect(names()).toEqual([path.basename(retired())])
  expect(holds(retired())).toBe(keyHex)
})

test.each(['alone', 'with a next key'])('moves nothing if another key lies under the retired name: %s', how => {
  put()
  const otherHex = putOther(retired())
  const nextHex = how === 'alone' ? 'absent' : putOther(next())
  expect(() => retireKeyFile(file, keyHex, how === 'alone' ? undefined : next())).toThrow(retired())
  expect([holds(file), holds(retired()), holds(next())]).toEqual([keyHex, otherHex, nextHex])
})

test('a new key that was put there meanwhile is not taken away, though the old one is retired already', () => {
  put(retired())
  const newHex = putOther(file)
  retireKeyFile(file, keyHex)
  expect([holds(file), holds(retired())]).toEqual([newHex, keyHex])
})

test('a new key that was put there meanwhile does not get the name of the old one', () => {
  const newHex = putOther(file)
  expect(() => retireKeyFile(file, keyHex)).toThrow(file)
  expect(names()).toEqual(['encryption-key.bin'])
  expect(holds(file)).toBe(newHex)
})

test('a third key in place keeps the next one from replacing it', () => {
  const thirdHex = putOther(file)
  put(retired())
  const nextHex = putOther(next())
  expect(() => retireKeyFile(file, keyHex, next())).toThrow(file)
  expect([holds(file), holds(next()), holds(retired())]).toEqual([thirdHex, nextHex, keyHex])
})

test('a file that is no key any more stays where it is', () => {
  put(file, randomBytes(20))
  expect(() => retireKeyFile(file, keyHex)).toThrow(file)
  expect(names()).toEqual(['encryption-key.bin'])
})

test('a key ring holds the key, the next one and the retired ones, and forgets what is gone', () => {
  const place = keyPathsOf(file, {})
  expect(readKeyring(place)).toMatchObject({ current: { kind: 'absent' }, next: { kind: 'absent' }, ids: [] })
  put()
  const nextHex = putOther(next())
  const oldHex = putOther(path.join(directory, 'encryption-key.retired-0011223344556677.bin'))
  writeFileSync(path.join(directory, 'encryption-key.retired-short.bin'), 'x', { mode: 0o400 })
  putOther(path.join(directory, 'copy.bin'))
  const ring = readKeyring(place)
  expect(new Set(ring.ids)).toEqual(new Set([keyHex, nextHex, oldHex]))
  expect(ring.find(oldHex)?.hex).toBe(oldHex)
  expect(ring.find('0011223344556677')).toBeUndefined()
  unlinkSync(file)
  expect(readKeyring(place).find(keyHex)).toBeUndefined()
  expect(ring.find(keyHex)?.hex).toBe(keyHex)
})

test('the place is the configured one, unless systemd gave a key', () => {
  const given = { CREDENTIALS_DIRECTORY: directory }
  expect(keyPathsOf('/etc/keys/k.bin', {})).toEqual({
    file: '/etc/keys/k.bin',
    origin: 'file',
    dataDirectory: '/etc/keys',
  })
  expect(keyPathsOf('/etc/keys/k.bin', given)).toEqual({
    file: '/etc/keys/k.bin',
    origin: 'file',
    dataDirectory: '/etc/keys',
  })
  put()
  expect(keyPathsOf('/etc/keys/k.bin', given)).toEqual({ file, origin: 'credential', dataDirectory: '/etc/keys' })
  expect(filesOf(keyPathsOf(file, {}))).toMatchObject({ current: file, next: next() })
  expect(filesOf(keyPathsOf(file, {})).retired(keyHex)).toBe(retired())
})
