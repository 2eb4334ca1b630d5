// Which names this server answers to. A page of another site cannot make a browser speak to it under a name of its own (DNS rebinding),
// and no link is ever made of a name that a request brings along.
import type { Config } from '../../config/config.ts'
import { listOf } from '../../config/schema.ts'

/** Checks a host with or without its port. */
export function createHostCheck({ listen, hosts }: Config['web']): (host: string) => boolean {
  const named = listOf(hosts.toLowerCase())
  const known = new Set(named.length > 0 ? named : impliedBy(listen))
  return host => known.has(withoutPort(host.toLowerCase()))
}

function impliedBy(listen: string): string[] {
  const host = withoutPort(listen.toLowerCase())
  const loopback = host === 'localhost' || host === '[::1]' || host.startsWith('127.')
  return loopback ? ['localhost', '127.0.0.1', '[::1]', host] : [host]
}

function withoutPort(host: string): string {
  return host.replace(/:\d*$/, '')
}
