// The page says where it hears of changes; what is marked with data-live is then taken from a fresh copy of it. Whatever somebody types
// into at the moment is left alone.
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
    if (now === null || old.contains(document.activeElement) || old.innerHTML === now.innerHTML) continue
    old.replaceWith(document.adoptNode(now))
  }
}

const source = new EventSource(from)
source.addEventListener('changed', refresh)
document.addEventListener('visibilitychange', () => wanted && refresh())
