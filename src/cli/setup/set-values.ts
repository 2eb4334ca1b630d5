// PURE. Writes settings into the text of a TOML file and leaves everything else as it stands: comments, order, settings of others.

export interface Value {
  section: string
  key: string
  value: string
}

/** The text with these settings; one that is there already is replaced. */
export function setValues(toml: string, values: readonly Value[]): string {
  return values.reduce(setValue, toml)
}

function setValue(toml: string, { section, key, value }: Value): string {
  const line = `${key} = ${JSON.stringify(value)}`
  const lines = toml.split('\n')
  const start = lines.findIndex(text => text.trim() === `[${section}]`)
  if (start < 0) return `${toml.trimEnd()}${toml.trim() === '' ? '' : '\n\n'}[${section}]\n${line}\n`
  const next = lines.findIndex((text, i) => i > start && text.trimStart().startsWith('['))
  const end = next < 0 ? lines.length : next
  const found = lines.findIndex((text, i) => i > start && i < end && new RegExp(`^\\s*${key}\\s*=`).test(text))
  if (found < 0) lines.splice(start + 1, 0, line)
  else lines[found] = line
  return lines.join('\n')
}
