// What makes a Debian package of the tree: control, hashes, the list of settings files, and the scripts of the maintainer.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { schemaVersion } from '../../migrations/all.ts'
import type { Build } from './program.ts'
import { put, readFiles, sizeOf } from './tree.ts'

export const maintainer = 'Letterlock maintainers <maintainers@letterlock.invalid>'

export function layDebian(tree: string, build: Build): void {
  const files = readFiles(tree)
  const { node, rest } = sizeOf(tree)
  const hashes = files.map(({ file, content }) => `${createHash('md5').update(content).digest('hex')}  ${file}\n`)
  put(tree, 'DEBIAN/control', control(build, Math.ceil((node + rest) / 1_024)))
  put(tree, 'DEBIAN/conffiles', '/etc/letterlock/letterlock.toml\n')
  put(tree, 'DEBIAN/md5sums', hashes.join(''))
  for (const script of ['preinst', 'postinst', 'prerm', 'postrm']) {
    const text = readFileSync(path.join(import.meta.dirname, script), 'utf8')
    const filled = text.replaceAll('@VERSION@', build.version).replaceAll('@SCHEMA@', String(schemaVersion.version))
    put(tree, `DEBIAN/${script}`, filled, 0o755)
  }
}

/** Node as nodejs.org builds it asks for glibc 2.28 and the C++ library of GCC 8. */
function control({ version, arch }: Build, kibibytes: number): string {
  return `Package: letterlock
Version: ${version}
Architecture: ${arch}
Maintainer: ${maintainer}
Installed-Size: ${kibibytes}
Depends: libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 8), init-system-helpers (>= 1.54), systemd (>= 247)
Suggests: mariadb-server | default-mysql-server, redis-server | valkey-server
Section: mail
Priority: optional
Description: ticket mail into the helpdesk, with sealed passwords
 Letterlock fetches the ticket mail of a helpdesk. It reads many mailboxes
 over IMAP, turns what customers write into tickets in MySQL or MariaDB, and
 archives every mail byte for byte. The passwords of the mailboxes are sealed
 in the database.
 .
 It brings its own Node and all packages that it needs. \`letterlock setup\`
 makes the database and starts the service.
`
}
