// The page says where it hears of changes; what is marked with data-live is then taken from a fresh copy of it. Where somebody may be
// filling in a form, data-live has a version, and it stays as it is until that changes.
const from = document.body.dataset.liveFrom
let wanted = false
let busy = false

async function refresh() {
  wanted = true
  if (busy || document.hidden) return
  busy = true
  while (wanted) {
    wanted = false
    await replace().catch(() => {})
    await new Promise(resolve => setTimeout(resolve, 300))
  }
  busy = false
}

async function replace() {
  const answer = await fetch(location.href, { headers: { accept: 'text/html' } })
  if (answer.redirected) return location.reload()
  if (!answer.ok) return
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html')
  for (const old of document.querySelectorAll('[data-live][id]')) {
    const now = fresh.getElementById(old.id)
    if (now === null || isSame(old, now)) continue
    old.replaceWith(document.adoptNode(now))
  }
}

/** With a version (data-live="…") until that is another one; else until its content is, and nobody is in it. */
function isSame(old, now) {
  if (old.dataset.live !== '') return old.dataset.live === now.dataset.live
  return old.contains(document.activeElement) || old.innerHTML === now.innerHTML
}

// A browser opens few connections to one server: a page that nobody sees needs none, and looks again when it is seen.
let source

function listen() {
  source?.close()
  if (document.hidden) return
  source = new EventSource(from)
  source.addEventListener('changed', refresh)
}

listen()
document.addEventListener('visibilitychange', () => {
  listen()
  refresh()
})
