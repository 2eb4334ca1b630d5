// PURE. Which words of a mail its reader does not see: hidden by a style, without size, or in the colour of what is behind them.
import { type Colour, isSame, type Look, parseColour } from './safe-style.ts'

/** How text looks at some place in the mail; undefined colours are unknown. */
export interface Sight {
  readonly hidden: boolean
  readonly tiny: boolean
  readonly color: Colour | null
  readonly background: Colour | null
}

/** Before the mail says anything. */
export const plainSight: Sight = { hidden: false, tiny: false, color: [0, 0, 0], background: [255, 255, 255] }

/** Inside an element with these attributes, whose style gives this look. */
export function sightInside(outer: Sight, attributes: Readonly<Record<string, string>>, look: Look | null): Sight {
  const { bgcolor, color, background, hidden } = attributes
  if (look === null && bgcolor === undefined && color === undefined && background === undefined && hidden === undefined)
    return outer
  return {
    hidden: outer.hidden || hidden !== undefined || (look?.hides ?? false),
    tiny: look?.tiny ?? outer.tiny,
    color: pick(look?.color, color, outer.color),
    background: background === undefined ? pick(look?.background, bgcolor, outer.background) : null,
  }
}

function pick(styled: Colour | null | undefined, attribute: string | undefined, outer: Colour | null): Colour | null {
  if (styled !== undefined) return styled
  return attribute === undefined ? outer : parseColour(attribute)
}

export function isHidden({ hidden, tiny, color, background }: Sight): boolean {
  return hidden || tiny || (color !== null && background !== null && isSame(color, background))
}

/** Letters or digits, as text is escaped in HTML. */
export function hasWords(escaped: string): boolean {
  return /[\p{L}\p{N}]/u.test(escaped.replace(/&[a-z]{2,8};/g, ''))
}
