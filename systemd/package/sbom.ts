// PURE. The list of parts in CycloneDX 1.6 (JSON): programs compare it with lists of known faults. Nothing in it depends on who builds or when.
import type { Package } from './dependencies.ts'

export function toBillOfMaterials(build: { version: string; epoch: number }, packages: readonly Package[]): string {
  const program = { type: 'application', 'bom-ref': 'letterlock', name: 'letterlock', version: build.version }
  const bill = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: new Date(build.epoch * 1_000).toISOString(),
      component: { ...program, licenses: [{ license: { id: 'MIT' } }] },
    },
    components: packages.map(toComponent),
  }
  return `${JSON.stringify(bill, null, 1)}\n`
}

function toComponent({ folder, name, version, integrity, license }: Package): object {
  const [group, plain] = name.startsWith('@') ? (name.split('/') as [string, string]) : [undefined, name]
  const [algorithm = '', hash = ''] = integrity.split(/-(.*)/s)
  return {
    type: 'library',
    'bom-ref': folder,
    ...(group === undefined ? {} : { group }),
    name: plain,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    licenses: [/[ ()]/.test(license) ? { expression: license } : { license: { id: license } }],
    ...(algorithm === 'sha512'
      ? { hashes: [{ alg: 'SHA-512', content: Buffer.from(hash, 'base64').toString('hex') }] }
      : {}),
  }
}
