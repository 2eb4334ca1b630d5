// Nothing here yet.
//
// How a page is made: a function `(request, reply)` that ends in `return await page(reply, { title, section, body })` (layout.ts), with
// its route in ../routes.ts and its entry in ../navigation.ts. Markup: html.ts. Tables, times, badges, forms, paging: parts.ts. After a
// POST: `goTo(request, reply, path, { tone, text })` (session.ts). What it works on: `siteOf(request)` (site.ts: db, raw, redis, keys …);
// who asks: `sessionOf(request).user`, `actorOf(request)` for the audit log. Not there: `throw new NotFound()`; cannot be done:
// `throw new CommandError(message, hint)` (failures.ts shows both). Live: `live: '/path'` and tellChanges (live.ts).
export {}
