// PURE. Images that are there to report that a mail was opened: too small to be seen, hidden, or of an address that services are known by.
import { parsePixels } from './safe-style.ts'

export interface RemoteImage {
  /** As safeImage() gave it. */
  src: string
  /** Values of its attributes, '' if none. */
  width: string
  height: string
  /** By its style, in pixels. */
  styled: { width?: number; height?: number }
  /** It, or something around it, is hidden. */
  hidden: boolean
}

/** What is that small is no picture. */
const smallest = 2

/** Whether an image only reports that the mail was opened. */
export function isTracking(image: RemoteImage): boolean {
  const width = image.styled.width ?? parsePixels(image.width)
  const height = image.styled.height ?? parsePixels(image.height)
  if (image.hidden || width === 0 || height === 0) return true
  if (width !== undefined && height !== undefined) {
    if (width <= smallest && height <= smallest) return true
    if (width > smallest && height > smallest) return false
  }
  return isReporter(image.src)
}

// Services that count openings, each with the path it does so by.
const reporters = [
  /^https?:\/\/[^/]{1,250}\/(?:wf|api\/mailings|trk|tr|email|mail|e|t)\/(?:open|opened|op|o)(?:[./?]|$)/i,
  /^https?:\/\/[^/]{1,250}\/(?:track\/)?(?:open|opened|beacon|pixel|emailopen|email_open|webbeacon)(?:\.(?:gif|png|php|aspx|ashx|jsp))?(?:[/?]|$)/i,
  /^https?:\/\/[^/]{1,250}\/(?:__ptq|o|t|p|1x1|pixel|blank|transparent)\.gif\?/i,
  /^https?:\/\/(?:[^/]{1,250}\.)?(?:mailtrack\.io|emltrk\.com|mailfoogae\.appspot\.com|awstrack\.me|google-analytics\.com|doubleclick\.net|r\.superhuman\.com|pstmrk\.it|yesware\.com|bananatag\.com|getnotify\.com|didtheyreadit\.com|readnotify\.com|bat\.bing\.com)\//i,
  /^https?:\/\/(?:www\.)?facebook\.com\/tr[/?]/i,
]

function isReporter(src: string): boolean {
  const address = src.slice(0, 600)
  return reporters.some(reporter => reporter.test(address))
}
