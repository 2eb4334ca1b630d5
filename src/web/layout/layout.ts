// The one frame around every page: title, navigation, what the last action came to, and the page itself.
import type { FastifyReply } from 'fastify'
import { type Flash, writeFlash } from '../../store/people/sessions.ts'
import { assetPath } from '../assets.ts'
import { csrfField } from '../security/csrf.ts'
import { siteOf } from '../site.ts'
import { attributes, type Content, type Html, html } from './html.ts'
import { linksFor, type NavigationLink, type Section } from './navigation.ts'
import { prose } from './parts.ts'

export interface Page {
  title: string
  body: Content
  /** Which entry of the navigation the page belongs to. */
  section?: Section
  /** Where the page hears that it has changed; its elements with `id` and `data-live` are then replaced (assets/live.js). */
  live?: string
  /** Loads again by itself, for browsers without JavaScript. */
  refreshSeconds?: number
}

/** Sends a page. `return await page(reply, { title, body })` */
export async function page(reply: FastifyReply, { title, body, section, live, refreshSeconds }: Page): Promise<string> {
  const { session } = reply.request
  // What was to be said is said by this page.
  if (session !== null && session.flash.length > 0) await writeFlash(siteOf(reply.request).db, session.id, [])
  reply.type('text/html; charset=utf-8').header('cache-control', 'no-store')
  const shown = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} – Letterlock</title>
<link rel="icon" href="${assetPath('icon.svg')}" type="image/svg+xml">
<link rel="stylesheet" href="${assetPath('letterlock.css')}">
${
  refreshSeconds !== undefined &&
  html`<noscript><meta http-equiv="refresh" content="${refreshSeconds}"></noscript>
`
}${live !== undefined && html`<script type="module" src="${assetPath('live.js')}"></script>`}
</head>
<body${attributes({ 'data-live-from': live })}>
<a class="skip" href="#main">Skip to content</a>
<header class="top">
<a class="brand" href="/">Letterlock</a>
${session !== null && navigation(session.user.role, section)}
${session !== null && whoIsHere(reply, session.user.name)}
</header>
<main id="main" tabindex="-1">
${session?.flash.map(said)}
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`
  return shown.toString()
}

function navigation(role: 'admin' | 'agent', section: Section | undefined): Html {
  const links = linksFor(role)
  const server = links.filter(({ group }) => group === 'Server')
  return html`<nav aria-label="Main"><ul>
${links.filter(({ group }) => group === undefined).map(link => entry(link, section))}${
  server.length > 0 &&
  html`<li class="group"><span id="nav-server">Server</span><ul aria-labelledby="nav-server">
${server.map(link => entry(link, section))}</ul></li>
`
}</ul></nav>`
}

function entry(link: NavigationLink, section: Section | undefined): Html {
  const current = attributes({ 'aria-current': link.section === section && 'page' })
  return html`<li><a href="${link.path}"${current}>${link.label}</a></li>
`
}

function whoIsHere(reply: FastifyReply, name: string): Html {
  return html`<form class="who" method="post" action="/sign-out">${csrfField(reply)}<a href="/you">${name}</a> <button class="quiet">Sign out</button></form>`
}

function said({ tone, text }: Flash): Html {
  return html`<p class="flash ${tone}" role="status">${prose(text)}</p>
`
}
