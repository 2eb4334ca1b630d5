// PURE. Inline styles of a mail: which declarations may be shown, and what a style does to the text inside, so that hidden words are
// noticed. Kept are harmless properties only, with values out of a small alphabet: no url(), no expression(), no escapes, no comments;
// nothing that leaves its place or covers other things (position, z-index, transform, negative margins).

export interface Style {
  /** The declarations that may be kept, '' if none. */
  text: string
  look: Look
}

/** Red, green, blue. */
export type Colour = readonly [number, number, number]

/** Of a colour: undefined = nothing is said, null = something that is not understood. */
export interface Look {
  color?: Colour | null
  background?: Colour | null
  /** Nothing inside is seen, whatever it says of itself. */
  hides: boolean
  /** The letters have no size. A style inside may give them one. */
  tiny?: boolean
  /** Pixels. */
  width?: number
  height?: number
}

const maxLength = 4_000
const maxDeclarations = 60

/** Reads the value of a style attribute. */
export function readStyle(style: string): Style {
  const declared = new Map<string, string>()
  const kept: string[] = []
  for (const declaration of style.slice(0, maxLength).split(';', maxDeclarations)) {
    const colon = declaration.indexOf(':')
    if (colon < 0) continue
    const name = declaration.slice(0, colon).trim().toLowerCase()
    const value = declaration.slice(colon + 1).trim()
    declared.set(name, value.toLowerCase())
    if (isKept(name, value)) kept.push(`${name}: ${value}`)
    else if (name === 'background' || name === 'background-color') kept.push(...withoutImage(value))
  }
  return { text: kept.join('; '), look: lookOf(declared) }
}

/** Whether every declaration in it may be kept. */
export function isSafeStyle(style: string): boolean {
  return style.split(';').every(declaration => {
    const colon = declaration.indexOf(':')
    return isKept(declaration.slice(0, Math.max(colon, 0)).trim(), declaration.slice(colon + 1).trim())
  })
}

const properties = new Set(
  (
    'background background-color border border-bottom border-bottom-color border-bottom-style border-bottom-width border-collapse ' +
    'border-color border-left border-left-color border-left-style border-left-width border-radius border-right border-right-color ' +
    'border-right-style border-right-width border-spacing border-style border-top border-top-color border-top-style ' +
    'border-top-width border-width box-sizing caption-side clear color direction display empty-cells float font font-family ' +
    'font-size font-style font-variant font-weight height letter-spacing line-height list-style list-style-type margin ' +
    'margin-bottom margin-left margin-right margin-top max-height max-width min-height min-width opacity overflow overflow-wrap ' +
    'padding padding-bottom padding-left padding-right padding-top table-layout text-align text-decoration ' +
    'text-decoration-color text-decoration-line text-indent text-transform unicode-bidi vertical-align visibility white-space ' +
    'width word-break word-spacing word-wrap'
  ).split(' '),
)

/** Words, lengths, names of fonts; of the functions only those that mix a colour. */
const alphabet = /^(?:[\p{L}\w\s#%.,'"!/+-]|(?<=rgba?)\([\d\s.,%/]{1,40}\))+$/iu

function isKept(name: string, value: string): boolean {
  if (!properties.has(name) || value.length > 500 || !alphabet.test(value)) return false
  if (isOdd(value, '"') || isOdd(value, "'")) return false
  // A margin below nothing covers what stands beside it; so do letters that are drawn far from their line.
  return /^(margin|text-indent|padding)/.test(name) ? !/-[\d.]/.test(value) : !/-\d{3}/.test(value)
}

function isOdd(value: string, quote: string): boolean {
  return value.includes(quote) && value.split(quote).length % 2 === 0
}

/** The colour under an image. */
function withoutImage(value: string): string[] {
  const colour = /^(#[0-9a-f]{3,8}|[a-z]{3,20})(?=\s|$)/i.exec(value)?.[1]
  return colour === undefined ? [] : [`background-color: ${colour}`]
}

function lookOf(declared: ReadonlyMap<string, string>): Look {
  const look: Look = { hides: hides(declared) }
  const color = declared.get('color')
  if (color !== undefined) look.color = parseColour(color)
  if (isClear(color)) look.hides = true
  const background = declared.get('background-color') ?? declared.get('background')
  if (background !== undefined && !/^(none|inherit|initial|unset)\b/.test(background) && !isClear(background))
    look.background = parseBackground(background)
  if (declared.has('background-image')) look.background = null
  const size = declared.get('font-size')
  if (size !== undefined) look.tiny = isNothing(size, 1)
  else if (/^0(px)?[\s/]/.test(declared.get('font') ?? '')) look.tiny = true
  for (const side of ['width', 'height'] as const) {
    const pixels = parsePixels(declared.get(side) ?? declared.get(`max-${side}`) ?? '')
    if (pixels !== undefined) look[side] = pixels
  }
  return look
}

/** A length of whole pixels without sign; undefined for anything else. */
export function parsePixels(value: string): number | undefined {
  const digits = /^\s*(\d{1,6}(?:\.\d{1,6})?)(?:px)?\s*(?:!important)?\s*$/i.exec(value)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

function isNothing(length: string, most: number): boolean {
  const number = /^([\d.]{1,10})\s*(px|pt|em|rem|%|ex|in|cm|mm)?\s*(?:!important)?$/.exec(length)
  if (number === null) return false
  return Number(number[1]) === 0 || (number[2] === 'px' && Number(number[1]) <= most)
}

function hides(declared: ReadonlyMap<string, string>): boolean {
  const is = (name: string, value: RegExp): boolean => value.test(declared.get(name) ?? '')
  const none = (name: string): boolean => isNothing(declared.get(name) ?? '', 1)
  const far = /^-\s*\d{3,}/
  return (
    is('display', /^none\b/) ||
    is('visibility', /^(hidden|collapse)\b/) ||
    is('opacity', /^(0+(\.0\d*)?|\.0\d*)%?\s*(!|$)/) ||
    (is('overflow', /^(hidden|clip)\b/) && ['height', 'max-height', 'width', 'max-width'].some(none)) ||
    is('text-indent', far) ||
    ['margin', 'margin-left', 'margin-top'].some(name => is(name, far)) ||
    (is('position', /^(absolute|fixed)\b/) && (['left', 'top'].some(name => is(name, far)) || is('clip', /^rect/))) ||
    is('transform', /scale(x|y|3d)?\(\s*0?(\.0\d*)?\s*[,)]/)
  )
}

const colours: Readonly<Record<string, Colour>> = {
  black: [0, 0, 0],
  white: [255, 255, 255],
  red: [255, 0, 0],
  green: [0, 128, 0],
  lime: [0, 255, 0],
  blue: [0, 0, 255],
  navy: [0, 0, 128],
  yellow: [255, 255, 0],
  orange: [255, 165, 0],
  purple: [128, 0, 128],
  gray: [128, 128, 128],
  grey: [128, 128, 128],
  silver: [192, 192, 192],
  maroon: [128, 0, 0],
  teal: [0, 128, 128],
  snow: [255, 250, 250],
  ivory: [255, 255, 240],
  whitesmoke: [245, 245, 245],
  ghostwhite: [248, 248, 255],
  floralwhite: [255, 250, 240],
  window: [255, 255, 255],
  windowtext: [0, 0, 0],
}

/** null if it is not understood. */
export function parseColour(value: string): Colour | null {
  const word = value
    .replace(/\s*!important$/i, '')
    .trim()
    .toLowerCase()
  const hex = /^#?([0-9a-f]{3,8})$/.exec(word)?.[1]
  if (hex !== undefined && !Object.hasOwn(colours, word)) return fromHex(hex)
  const mixed = /^rgba?\(\s*(\d{1,3})[\s,]{1,9}(\d{1,3})[\s,]{1,9}(\d{1,3})\b/.exec(word)
  if (mixed !== null) return [Number(mixed[1]), Number(mixed[2]), Number(mixed[3])]
  return Object.hasOwn(colours, word) ? (colours[word] as Colour) : null
}

function fromHex(hex: string): Colour | null {
  const digits = hex.length < 6 ? [...hex].map(digit => digit + digit) : (hex.match(/../g) ?? [])
  if (hex.length === 5 || hex.length === 7) return null
  const [red = 0, green = 0, blue = 0] = digits.map(pair => Number.parseInt(pair, 16))
  return [red, green, blue]
}

/** Through which everything is seen. */
function isClear(value: string | undefined): boolean {
  if (value === undefined) return false
  return (
    /^transparent\b/.test(value) ||
    /^#[0-9a-f]{3}0$/.test(value) ||
    /^#[0-9a-f]{6}0[0-9a-f]$/.test(value) ||
    /^rgba?\([^()]{1,40}[,/]\s*0?(\.0\d{0,9})?%?\s*\)/.test(value)
  )
}

function parseBackground(value: string): Colour | null {
  if (/url\(|gradient/.test(value)) return null
  return parseColour(/^(#[0-9a-f]{3,8}|rgba?\([^()]{1,40}\)|[a-z]{3,20})(?=\s|$)/.exec(value)?.[1] ?? '')
}

/** Colours that no eye tells apart. */
export function isSame(one: Colour, other: Colour): boolean {
  return one.every((part, i) => Math.abs(part - (other[i] as number)) <= 10)
}
