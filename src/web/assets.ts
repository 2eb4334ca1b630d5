// Style sheet, script and icon, each under a name that changes with its content: browsers keep them for a year and never ask again.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import staticFiles from '@fastify/static'
import type { FastifyInstance } from 'fastify'

const directory = path.join(import.meta.dirname, 'assets')

/** The directory's name in the address: the hash of everything in it. */
const version = hashOf(readdirSync(directory).sort())

function hashOf(names: readonly string[]): string {
  const hash = createHash('sha256')
  for (const name of names)
    hash
      .update(name)
      .update('\0')
      .update(readFileSync(path.join(directory, name)))
  return hash.digest('base64url').slice(0, 12)
}

/** Where the browser finds `assets/NAME`. */
export function assetPath(name: string): string {
  return `/assets/${version}/${name}`
}

export async function addAssets(server: FastifyInstance): Promise<void> {
  await server.register(staticFiles, {
    root: directory,
    prefix: `/assets/${version}/`,
    index: false,
    wildcard: false,
    maxAge: '365d',
    immutable: true,
  })
}
