// The form of an account is sent without leaving the page: what was typed, the password too, stays where it is when a test fails.
const busy = () => document.getElementById('busy')

document.addEventListener('submit', async event => {
  const form = event.target
  if (!form.matches('form.account')) return
  event.preventDefault()
  const button = event.submitter
  if (button !== null && button.ariaDisabled === 'true') return
  const body = new URLSearchParams(new FormData(form, button))
  for (const each of form.querySelectorAll('button')) each.ariaDisabled = 'true'
  busy().textContent = button?.value === 'save' ? 'Saving …' : 'Asking the mail server …'
  try {
    const answer = await fetch(form.action, { method: 'POST', body })
    if (answer.redirected) return location.assign(answer.url)
    show(await answer.text(), form)
  } catch {
    busy().textContent = 'Letterlock does not answer. Try again.'
  } finally {
    for (const each of document.querySelectorAll('form.account button')) each.ariaDisabled = null
  }
})

/** The answer's page, with what was typed in it. */
function show(text, old) {
  const main = new DOMParser().parseFromString(text, 'text/html').querySelector('main')
  const now = main.querySelector('form.account')
  for (const input of old.elements) {
    const same = input.name === '_csrf' ? null : now?.elements.namedItem(input.name)
    if (same?.type === 'password') same.value = input.value
  }
  const script = main.querySelector('script')
  script?.remove()
  document.querySelector('main').replaceChildren(...main.childNodes)
  document.getElementById('outcome')?.focus()
}
